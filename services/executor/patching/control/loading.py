"""Control networks from files of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError, told_of
from services.executor.diffusion.checkpoints.filling import shapes_of
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.weights_file import read_model_file
from services.executor.diffusion.control import control_lora, reading, t2i_reading
from services.executor.diffusion.control.control_net import ControlNet as Network
from services.executor.patching.control.base import ControlBase
from services.executor.patching.control.control_lora import ControlLora
from services.executor.patching.control.control_net import ControlNet
from services.executor.patching.control.t2i_adapter import T2IAdapter
from services.executor.patching.weights import on_host

KIND = "a control network"
POOLED = ("_shuffle", "_shuffle_fp16")
"""Ends of the names of files whose network adds the same everywhere in the picture, which nothing in them says."""


def load_controlnet(ckpt_path: Any, model: Any = None, model_options: Any = None) -> ControlBase:
    """What steers in a file; `model` is the MODEL that its weights are a difference to, where they are.

    Raises:
        CheckpointError: the file is damaged, or holds nothing of the kind.
    """
    path = Path(ckpt_path)
    file = read_model_file(path, KIND)
    with told_of(path.name):
        found = controlnet_of(file.weights, file.configuration.get("unet", {}), model)
    found.global_average_pooling = path.stem.endswith(POOLED)
    return found


def controlnet_of(weights: Mapping[str, Tensor], configuration: Mapping[str, Any], model: Any = None) -> ControlBase:
    """What steers by weights, in any layout; `configuration` is as for `unet_spec`, `model` as for `load_controlnet`.

    Raises:
        CheckpointError: they are of nothing of the kind.
    """
    if control_lora.MARK in weights:
        return ControlLora({name: weight for name, weight in weights.items() if name != control_lora.MARK})
    adapter = t2i_reading.in_published_layout(weights)
    if t2i_reading.is_adapter(adapter):
        network = t2i_reading.t2i_adapter(adapter)
        return T2IAdapter(network, network.spec.channels_in)
    named = reading.in_one_layout(weights)
    if reading.MARK in named:
        if reading.DIFFERENCE in weights:
            named = reading.added_to(_unet_of(model), named)
        return _with_network(reading.control_net(named, configuration))
    raise CheckpointError(f"this is not {KIND}; {looks_like(shapes_of(weights))}")


def _with_network(network: Network) -> ControlNet:
    made = ControlNet(network)
    # Packs that run the network themselves ask for the dtype; half precision is slow on CPUs.
    if made.control_model_wrapped is not None and made.control_model_wrapped.load_device.type == "cpu":
        made.manual_cast_dtype = torch.float32
    return made


def _unet_of(model: Any) -> Mapping[str, Tensor]:
    if model is None:
        raise CheckpointError("it holds differences to a model; DiffControlNetLoader loads it with that model")
    return on_host(model.patched().diffusion_model)
