"""LoKr: the Kronecker product of two matrices, each of which may be factored again.

Yeh et al., "Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation",
https://arxiv.org/abs/2309.14859.
"""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.adapters import tucker
from services.executor.diffusion.adapters.adapter import Change, Parts

FACTORS = ("lokr_w1", "lokr_w2")


def is_whole(parts: Parts) -> bool:
    """Whether both factors are there, each as it is or in two matrices."""
    return all(name in parts or {f"{name}_a", f"{name}_b"} <= parts.keys() for name in FACTORS)


def make(parts: Parts, weight: Tensor) -> Change:
    """kron(w1, w2)."""
    first, first_rank = _factor(parts, "lokr_w1", None)
    second, second_rank = _factor(parts, "lokr_w2", parts.get("lokr_t2"))
    first = first.reshape(*first.shape, *[1] * (second.dim() - first.dim()))
    return Change(torch.kron(first, second), second_rank or first_rank)


def _factor(parts: Parts, name: str, core: Tensor | None) -> tuple[Tensor, int | None]:
    if name in parts:
        return parts[name], None
    a, b = parts[f"{name}_a"], parts[f"{name}_b"]
    if core is not None:
        return tucker.kernel(core, a, b), len(b)
    return (a @ b.flatten(1)).reshape(len(a), *b.shape[1:]), len(b)
