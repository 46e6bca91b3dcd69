"""LoHa: the elementwise product of two low-rank matrices.

Hyeon-Woo et al., "FedPara: Low-Rank Hadamard Product for Communication-Efficient Federated Learning",
https://arxiv.org/abs/2108.06098.
"""

from __future__ import annotations

from torch import Tensor

from services.executor.diffusion.adapters import tucker
from services.executor.diffusion.adapters.adapter import Change, Parts

NEEDED = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
CORES = ("hada_t1", "hada_t2")


def make(parts: Parts, weight: Tensor) -> Change:
    """(w1_a @ w1_b) * (w2_a @ w2_b), or the same of two kernels with cores."""
    w1_a, w1_b, w2_a, w2_b = (parts[name] for name in NEEDED)
    if all(name in parts for name in CORES):
        t1, t2 = (parts[name] for name in CORES)
        return Change(tucker.kernel(t1, w1_a, w1_b) * tucker.kernel(t2, w2_a, w2_b), len(w1_b))
    return Change((w1_a @ w1_b) * (w2_a @ w2_b), len(w1_b))
