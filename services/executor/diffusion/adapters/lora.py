"""LoRA, and LoCon, which is LoRA of convolutions.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", https://arxiv.org/abs/2106.09685; LoCon and its middle
weights: Yeh et al., https://arxiv.org/abs/2309.14859.
"""

from __future__ import annotations

from torch import Tensor

from services.executor.diffusion.adapters import tucker
from services.executor.diffusion.adapters.adapter import Change, Parts

#: What trainers call (up, down).
SPELLINGS = (
    (".lora_up.weight", ".lora_down.weight"),
    ("_lora.up.weight", "_lora.down.weight"),
    (".lora.up.weight", ".lora.down.weight"),
    (".lora_B.weight", ".lora_A.weight"),
    (".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight"),
)
MIDDLE = ".lora_mid.weight"


def make(parts: Parts, weight: Tensor) -> Change:
    """up @ down; `mid`, where there is one, is a kernel (rank, rank, height, width) between them."""
    up, down = parts["up"].flatten(1), parts["down"].flatten(1)
    if "mid" in parts:
        return Change(tucker.kernel(parts["mid"], up.T, down), len(down))
    return Change(up @ down, len(down))
