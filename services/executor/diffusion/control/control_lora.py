"""Control-LoRA: a control network of which a file holds what is its own, and small changes of a model's weights.

Published by Stability AI (https://huggingface.co/stabilityai/control-lora). A layer's weight is the model's plus the
product of two small matrices, `….up` and `….down`; what the file holds whole takes the place of the model's.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.control.control_net import ControlNet
from services.executor.diffusion.control.structure import with_hint_encoder
from services.executor.diffusion.models.unet import UNet

MARK = "lora_controlnet"
UP, DOWN = ".up", ".down"


def of_model(unet: UNet, weights: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> ControlNet:
    """The control network that a file's weights make of a model.

    It has the model's own parameters where the file changes nothing. Changed weights are made where the model's are, in
    `dtype`, that of the model when it is None.

    Raises:
        CheckpointError: the file lacks weights.
        ValueError: it is made for another family of models.
    """
    with torch.device("meta"):
        network = ControlNet(with_hint_encoder(unet.spec, shapes_of(weights)))
    known = dict(unet.named_parameters())
    whole = {name: weight for name, weight in weights.items() if not name.endswith((UP, DOWN))}
    changed = {
        name.removesuffix(UP) + ".weight": _changed(known, name.removesuffix(UP), weights, dtype)
        for name in weights
        if name.endswith(UP)
    }
    return filled(network, {**known, **whole, **changed})


def _changed(
    known: Mapping[str, Tensor], layer: str, weights: Mapping[str, Tensor], dtype: torch.dtype | None
) -> Tensor:
    weight = known.get(f"{layer}.weight")
    up, down = (weights[layer + part].flatten(1) for part in (UP, DOWN))
    if weight is None or (len(up), down.shape[1]) != (len(weight), weight.flatten(1).shape[1]):
        found = "has no such layer" if weight is None else f"has one of {list(weight.shape)} there"
        raise ValueError(
            f"control_net: it is made for another family of models: its layer {layer} is of {len(up)}x{down.shape[1]},"
            f" and this model {found}"
        )
    change = up.to(weight.device, torch.float32) @ down.to(weight.device, torch.float32)
    return (weight.float() + change.reshape(weight.shape)).to(dtype or weight.dtype)
