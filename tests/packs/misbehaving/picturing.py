"""Ways to return a picture that is hard to store."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

PICTURING: dict[str, Callable[[Any], Any]] = {
    "picture with NaN": lambda image: (torch.full((1, 8, 8, 3), math.nan),),
    "picture with infinities": lambda image: (torch.tensor([math.inf, -math.inf, 0.5]).expand(1, 8, 8, 3),),
    "picture of float64": lambda image: (torch.full((1, 8, 8, 3), 0.5, dtype=torch.float64),),
    "picture of float16": lambda image: (torch.full((1, 8, 8, 3), 0.5, dtype=torch.float16),),
    "picture of whole numbers": lambda image: (torch.ones(1, 8, 8, 3, dtype=torch.int64),),
    "picture of booleans": lambda image: (torch.ones(1, 8, 8, 3, dtype=torch.bool),),
    "picture of complex numbers": lambda image: (torch.ones(1, 8, 8, 3, dtype=torch.complex64),),
    "picture that is not contiguous": lambda image: (
        torch.tensor([0.25, 0.5, 0.75]).expand(1, 8, 8, 3).permute(0, 2, 1, 3),
    ),
    "picture that is repeated": lambda image: (torch.full((1, 1, 1, 1), 0.5).expand(2, 8, 8, 3),),
    "picture with a gradient": lambda image: (torch.zeros(1, 8, 8, 3, requires_grad=True),),
    "picture of one channel": lambda image: (torch.ones(1, 8, 8, 1),),
    "picture of two channels": lambda image: (torch.ones(1, 8, 8, 2),),
    "picture of four channels": lambda image: (torch.ones(1, 8, 8, 4),),
    "picture of five channels": lambda image: (torch.ones(1, 8, 8, 5),),
    "picture without channels": lambda image: (torch.ones(1, 8, 8, 0),),
    "picture without pixels": lambda image: (torch.ones(1, 0, 8, 3),),
    "no picture": lambda image: (torch.ones(0, 8, 8, 3),),
    "picture that is a mask": lambda image: (torch.ones(1, 8, 8),),
    "picture with five sides": lambda image: (torch.ones(1, 1, 8, 8, 3),),
    "picture without data": lambda image: (torch.ones(1, 8, 8, 3, device="meta"),),
    "picture that is sparse": lambda image: (torch.ones(1, 8, 8, 3).to_sparse(),),
    "picture that is a list": lambda image: ([[[[0.5]]]],),
    "picture that is a text": lambda image: ("picture",),
    "picture that is None": lambda image: (None,),
    "picture that is a dict": lambda image: ({"samples": image},),
}
