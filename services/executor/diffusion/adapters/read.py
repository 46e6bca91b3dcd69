"""Finding the adapters in what a LoRA file holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from services.executor.diffusion.adapters import boft, glora, loha, lokr, lora, oft
from services.executor.diffusion.adapters.adapter import Adapter, Make

_LOHA = (*loha.NEEDED, *loha.CORES)
_LOKR = (*lokr.FACTORS, *(f"{name}_{part}" for name in lokr.FACTORS for part in "ab"), "lokr_t2")
#: By the dimensions of their blocks.
_TURNING = {oft.DIMENSIONS: oft.make, boft.DIMENSIONS: boft.make}

#: Whole changes of a weight and of a bias: what is added to it, or takes its place.
_WHOLE = {
    ".diff": ("weight", "diff"),
    ".diff_b": ("bias", "diff"),
    ".w_norm": ("weight", "diff"),
    ".b_norm": ("bias", "diff"),
    ".set_weight": ("weight", "set"),
}


class Change(NamedTuple):
    """What a file says of one weight.

    Attributes:
        layer, parameter: which; the parameter is "weight" or "bias".
        value: an `Adapter`, or ("diff" or "set", (tensor,)).
        keys: where it stands in the file.
    """

    layer: str
    parameter: str
    value: Any
    keys: tuple[str, ...]


def adapters(tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> Iterator[Change]:
    """The changes of layers, whose names are given by what a file calls them."""
    for name, layer in names.items():
        yield from _adapter(tensors, name, layer)
        for suffix, (parameter, kind) in _WHOLE.items():
            key = name + suffix
            if key in tensors:
                yield Change(layer, parameter, (kind, (tensors[key],)), (key,))


def _adapter(tensors: Mapping[str, Tensor], name: str, layer: str) -> Iterator[Change]:
    for keys, make in _kinds(tensors, name):
        extras = {extra: f"{name}.{extra}" for extra in ("alpha", "dora_scale") if f"{name}.{extra}" in tensors}
        alpha = float(tensors[extras["alpha"]].item()) if "alpha" in extras else None
        magnitude = tensors[extras["dora_scale"]] if "dora_scale" in extras else None
        adapter = Adapter({part: tensors[key] for part, key in keys.items()}, make, alpha, magnitude)
        yield Change(layer, "weight", adapter, (*keys.values(), *extras.values()))


def _kinds(tensors: Mapping[str, Tensor], name: str) -> Iterator[tuple[dict[str, str], Make]]:
    for up, down in lora.SPELLINGS:
        keys = {"up": name + up, "down": name + down, "mid": name + lora.MIDDLE}
        present = {part: key for part, key in keys.items() if key in tensors}
        if {"up", "down"} <= present.keys():
            yield present, lora.make
    hada = _present(tensors, name, _LOHA)
    if all(part in hada for part in loha.NEEDED):
        yield hada, loha.make
    kron = _present(tensors, name, _LOKR)
    if lokr.is_whole({part: tensors[key] for part, key in kron.items()}):
        yield kron, lokr.make
    general = {part: f"{name}.{part}.weight" for part in glora.NEEDED}
    if all(key in tensors for key in general.values()):
        yield general, glora.make
    turned = _present(tensors, name, (oft.BLOCKS, *oft.EXTRAS))
    if oft.BLOCKS in turned and (make := _TURNING.get(tensors[turned[oft.BLOCKS]].dim())) is not None:
        yield turned, make


def _present(tensors: Mapping[str, Tensor], name: str, parts: Iterable[str]) -> dict[str, str]:
    return {part: key for part in parts if (key := f"{name}.{part}") in tensors}
