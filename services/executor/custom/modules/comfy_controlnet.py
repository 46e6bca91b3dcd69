"""`comfy.controlnet`: what steers a model from beside it, for packs that load, inherit from or ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.custom.modules.later_families import later as _later
from services.executor.patching.control import ControlBase as ControlBase
from services.executor.patching.control import ControlLora as ControlLora
from services.executor.patching.control import ControlNet as ControlNet
from services.executor.patching.control import StrengthType as StrengthType
from services.executor.patching.control import T2IAdapter as T2IAdapter
from services.executor.patching.control import controlnet_of
from services.executor.patching.control import load_controlnet as load_controlnet
from services.executor.patching.control.hints import for_batch

globals().update(_later(("ControlNetSD35",), ControlNet))


def load_controlnet_state_dict(
    state_dict: Mapping[str, Tensor], model: Any = None, model_options: Any = None
) -> ControlBase:
    """What the weights of a file steer with; see `load_controlnet`.

    Raises:
        CheckpointError: they are of nothing of the kind.
    """
    return controlnet_of(state_dict, {}, model)


def load_t2i_adapter(t2i_data: Mapping[str, Tensor], model_options: Any = None) -> ControlBase:
    """The same, of an adapter's weights."""
    return controlnet_of(t2i_data, {})


def broadcast_image_to(tensor: Tensor, target_batch_size: int, batched_number: int) -> Tensor:
    """Hints for a batch of `batched_number` times the same latents: one for all, or each repeated in order."""
    return for_batch(tensor, target_batch_size, batched_number)
