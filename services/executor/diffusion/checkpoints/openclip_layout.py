"""Text encoders in OpenCLIP's layout, in which checkpoints have those of Stable Diffusion 2 and XL; see
`openclip_names.py` for the other way."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

import torch

from services.executor.diffusion.checkpoints.openclip_names import LAYERS, PARTS
from services.executor.diffusion.checkpoints.text_encoders import OPENCLIP_NAMES, PROJECTION
from services.executor.diffusion.checkpoints.writing import StoredWeight

_ENDS = {f"text_model.{own}": theirs for theirs, own in OPENCLIP_NAMES.items()}
_PARTS = {own: theirs for theirs, own in PARTS.items()}
_LAYER = re.compile(r"text_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
_PROJECTED = re.compile(r"self_attn\.([qkv])_proj")


def in_openclip(weights: Mapping[str, StoredWeight]) -> dict[str, StoredWeight]:
    """Weights by OpenCLIP's names, of those by the names of Hugging Face checkpoints (`text_model.…`)."""
    named: dict[str, StoredWeight] = {}
    joined: defaultdict[str, dict[str, StoredWeight]] = defaultdict(dict)
    for name, weight in weights.items():
        if name == f"{PROJECTION}.weight":
            named[PROJECTION] = _transposed(weight)
        elif (match := _LAYER.fullmatch(name)) is None:
            named[_ENDS[name]] = weight
        else:
            number, part, kind = match.groups()
            if projected := _PROJECTED.fullmatch(part):
                joined[f"{LAYERS}{number}.attn.in_proj_{kind}"][projected[1]] = weight
            else:
                named[f"{LAYERS}{number}.{_PARTS[part]}.{kind}"] = weight
    return named | {name: _joined([parts[part] for part in "qkv"]) for name, parts in joined.items()}


def _transposed(weight: StoredWeight) -> StoredWeight:
    return StoredWeight(weight.dtype, weight.shape[::-1], lambda: weight.make().mT)


def _joined(parts: list[StoredWeight]) -> StoredWeight:
    rows = sum(part.shape[0] for part in parts)
    return StoredWeight(parts[0].dtype, (rows, *parts[0].shape[1:]), lambda: torch.cat([part.make() for part in parts]))
