"""What networks compute in, which need not be what their weights are stored in."""

from __future__ import annotations

import torch

HALVES = (torch.float16, torch.bfloat16)


def computing_dtype(stored: torch.dtype, device: torch.device) -> torch.dtype:
    """The dtype that a network computes in on a device.

    Float32 on CPUs, whose half precision is slow; elsewhere half precision, that of the weights where they have one:
    nothing computes in 8 bits, and float32 takes accelerators several times as long.
    """
    if device.type == "cpu":
        return torch.float32
    return stored if stored in HALVES else torch.float16
