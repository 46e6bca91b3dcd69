"""Nodes that cut, turn and mirror pictures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.nodes.image_transforms import ImageCrop, ImageFlip, ImageRotate

#: 1 2 3
#: 4 5 6
NUMBERED = torch.arange(1.0, 7.0).reshape(1, 2, 3, 1)


def rows(images: Tensor) -> list[list[float]]:
    numbers: list[list[float]] = images[0, :, :, 0].tolist()
    return numbers


@pytest.mark.parametrize(
    ("rectangle", "expected"),
    [
        ((2, 1, 1, 1), [[5, 6]]),
        ((99, 99, 0, 0), [[1, 2, 3], [4, 5, 6]]),
        ((99, 99, 2, 0), [[3], [6]]),
        ((1, 1, 16384, 16384), [[6]]),
    ],
)
def test_a_crop_ends_at_the_edges(rectangle: tuple[int, int, int, int], expected: list[list[float]]) -> None:
    assert rows(ImageCrop().crop(NUMBERED, *rectangle)[0]) == expected


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        ("none", [[1, 2, 3], [4, 5, 6]]),
        ("90 degrees", [[4, 1], [5, 2], [6, 3]]),
        ("180 degrees", [[6, 5, 4], [3, 2, 1]]),
        ("270 degrees", [[3, 6], [2, 5], [1, 4]]),
    ],
)
def test_pictures_turn_clockwise(rotation: str, expected: list[list[float]]) -> None:
    assert rows(ImageRotate().rotate(NUMBERED, rotation)[0]) == expected


def test_pictures_are_mirrored_at_the_named_axis() -> None:
    assert rows(ImageFlip().flip(NUMBERED, "x-axis: vertically")[0]) == [[4, 5, 6], [1, 2, 3]]
    assert rows(ImageFlip().flip(NUMBERED, "y-axis: horizontally")[0]) == [[3, 2, 1], [6, 5, 4]]
