"""Weights and parts of a model in other versions, beside the originals."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from services.executor.diffusion.adapters.adapter import Adapter
from services.executor.memory import placement

logger = logging.getLogger(__name__)

#: What is added to a weight: ("diff", (tensor,)) or (tensor,), or an `Adapter`; ("set", (tensor,)) takes its place; a
#: list stands for a whole weight of another model with its patches, see `key_patches`.
Value = Any


class WeightPatch(NamedTuple):
    """A change of one weight: weight * strength_model + value * strength.

    Attributes:
        offset: (dimension, start, length) of the part that is changed; the whole when it is None.
        function: applied to what is added.
    """

    strength: float
    value: Value
    strength_model: float = 1.0
    offset: tuple[int, int, int] | None = None
    function: Callable[[Tensor], Tensor] | None = None


def patched(weight: Tensor, patches: Iterable[WeightPatch], key: str, dtype: torch.dtype | None = None) -> Tensor:
    """A weight with its patches, in a dtype, its own unless one is given; they are applied in float32.

    Raises:
        ValueError: a patch is of a kind that is not known here.
    """
    result = weight.float().clone()
    for patch in patches:
        part = result if patch.offset is None else result.narrow(*patch.offset)
        kept = part if patch.strength_model == 1.0 else part * patch.strength_model
        kind, value = _resolved(patch.value, kept, key)
        value = value.to(result)
        if patch.function is not None:
            value = patch.function(value)
        if value.shape != part.shape:
            shapes = f"{list(value.shape)} and not {list(part.shape)}"
            logger.warning("the patch of %s has the shape %s, it is left out", key, shapes)
        elif kind == "set":
            part.copy_(value)
        else:
            part.copy_(kept + patch.strength * value if patch.strength else kept)
    return result.to(dtype or weight.dtype)


def key_patches(weights: Mapping[str, Tensor], patches: Mapping[str, Sequence[WeightPatch]]) -> dict[str, list[Any]]:
    """For each weight, itself and its patches, as a value that can be given to another model."""
    return {key: [(weight, _unchanged), *patches.get(key, ())] for key, weight in weights.items()}


def _resolved(value: Value, weight: Tensor, key: str) -> tuple[str, Tensor]:
    if isinstance(value, Adapter):
        return "diff", value.change(weight)
    if isinstance(value, list):
        (original, convert), *patches = value
        return "diff", patched(convert(original.to(weight.device, copy=True)), patches, key, torch.float32)
    kind, content = ("diff", value) if len(value) == 1 else value
    if kind not in ("diff", "set"):
        raise ValueError(f"the patch of {key} is of the kind {kind!r}; this platform offers diff and set")
    tensor: Tensor = content[0]
    return kind, tensor


def _unchanged(weight: Tensor) -> Tensor:
    return weight


def with_parts(module: nn.Module, parts: Mapping[str, Any]) -> nn.Module:
    """A module with other parts at dotted paths; everything that is not on the way to them is shared."""
    copied = copy.copy(module)
    for store in ("_parameters", "_buffers", "_modules"):
        copied.__dict__[store] = dict(module.__dict__[store])
    below: dict[str, dict[str, Any]] = {}
    for path, part in parts.items():
        name, _, rest = path.partition(".")
        if rest:
            below.setdefault(name, {})[rest] = part
        else:
            _put(copied, name, part)
    for name, inner in below.items():
        holder = getattr(copied, name)
        changed = with_parts(holder, inner) if isinstance(holder, nn.Module) else _changed(holder, inner)
        _put(copied, name, changed)
    return copied


def _put(module: nn.Module, name: str, part: Any) -> None:
    if isinstance(part, Tensor) and not isinstance(part, nn.Parameter) and name in module._parameters:
        part = nn.Parameter(part, requires_grad=False)
    if not isinstance(part, nn.Module | nn.Parameter):
        module._modules.pop(name, None)
    setattr(module, name, part)


def _changed(holder: Any, parts: Mapping[str, Any]) -> Any:
    copied = copy.copy(holder)
    for path, part in parts.items():
        name, _, rest = path.partition(".")
        setattr(copied, name, _changed(getattr(copied, name), {rest: part}) if rest else part)
    return copied


def on_host(module: nn.Module) -> dict[str, Tensor]:
    """The weights by name as they are on the host, wherever they compute."""
    return {name: placement.on_host(tensor).detach() for name, tensor in module.state_dict(keep_vars=True).items()}


def sizes(module: nn.Module) -> int:
    """Bytes of a module's weights."""
    return sum(tensor.nelement() * tensor.element_size() for tensor in module.state_dict().values())


def dtype_of(module: nn.Module) -> torch.dtype:
    """The dtype of a module's weights."""
    return next(module.parameters()).dtype
