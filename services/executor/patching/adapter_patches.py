"""What a LoRA file holds for a module, as patches of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.diffusion.adapters.adapter import Adapter
from services.executor.diffusion.adapters.read import adapters


def patches_for(tensors: Mapping[str, Tensor], names: Mapping[str, str], module: Any, used: set[str]) -> dict[str, Any]:
    """The changes of a LoRA by the keys of a module's weights, without those that do not fit.

    Args:
        names: the layers of the module, by what files call them.
        used: gets the names of the tensors that the changes are made of.
    """
    known = module.state_dict()
    patches = {}
    for change in adapters(tensors, names):
        key = f"{change.layer}.{change.parameter}"
        if key in known and _fits(change.value, known[key]):
            patches[key] = change.value
            used.update(change.keys)
    return patches


def _fits(value: Any, weight: Tensor) -> bool:
    if isinstance(value, Adapter):
        return value.fits(weight)
    tensor: Tensor = value[1][0]
    return tensor.shape == weight.shape
