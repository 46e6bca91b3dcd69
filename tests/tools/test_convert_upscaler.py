"""The tool that made the bundled upscaler of another format."""

from __future__ import annotations

import struct

import pytest
import torch
from torch import Tensor

from tools.convert_upscaler import HALF_FLAG, converted

LAYERS = """7767517
4 4
Input                    data                     0 1 data
Convolution              Conv_0                   1 1 data 54 0=3 1=1 4=0 5=1 6=9
PReLU                    PRelu_1                  1 1 54 56 0=3
PixelShuffle             DepthToSpace_35          1 1 56 output 0=1
"""
WEIGHT = torch.arange(9.0).view(3, 3, 1, 1)
BIAS, SLOPE = torch.tensor([0.5, -0.5, 0.25]), torch.tensor([1.0, 2.0, 3.0])


def floats(values: Tensor) -> bytes:
    return struct.pack("<3f", *values.tolist())


def content(flag: int = HALF_FLAG) -> bytes:
    half = WEIGHT.half().numpy().tobytes()
    return struct.pack("<I", flag) + half + bytes(-len(half) % 4) + floats(BIAS) + floats(SLOPE)


def test_layers_become_weights_in_their_order() -> None:
    weights = converted(LAYERS, content())
    assert list(weights) == ["body.0.weight", "body.0.bias", "body.1.weight"]
    for found, expected in zip(weights.values(), (WEIGHT, BIAS, SLOPE), strict=True):
        assert torch.equal(found, expected.half())


def test_what_is_in_another_type_or_left_over_is_told() -> None:
    with pytest.raises(SystemExit, match="type that is not known here: 0x1"):
        converted(LAYERS, content(flag=1))
    with pytest.raises(SystemExit, match="4 bytes are left over"):
        converted(LAYERS, content() + bytes(4))
