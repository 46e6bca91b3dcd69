"""The node that widens and narrows what is bright in pictures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from services.executor.nodes.morphology import Morphology
from services.executor.nodes.windows import window_maximum


def by_hand(values: Tensor, size: int, choose: Callable[[Tensor], Tensor]) -> Tensor:
    """Each pixel's window, cut off at the edges, one after the other."""
    height, width = values.shape
    result = torch.empty_like(values)
    for row in range(height):
        for column in range(width):
            top, left = max(0, row - size // 2), max(0, column - size // 2)
            bottom, right = row + size - size // 2, column + size - size // 2
            result[row, column] = choose(values[top:bottom, left:right])
    return result


@pytest.mark.parametrize("size", [3, 4, 5, 7, 999])
def test_erosion_and_dilation_take_the_extremes_of_a_square(size: int) -> None:
    image = torch.rand(1, 8, 11, 2)
    for operation, choose in (("dilate", torch.max), ("erode", torch.min)):
        (result,) = Morphology().process(image, operation, size)
        for channel in range(2):
            assert torch.equal(result[0, :, :, channel], by_hand(image[0, :, :, channel], size, choose))


def test_the_others_are_made_of_these() -> None:
    image = torch.rand(2, 9, 9, 3)

    def process(operation: str, pictures: Tensor = image) -> Tensor:
        return Morphology().process(pictures, operation, 3)[0]

    opened, closed = process("dilate", process("erode")), process("erode", process("dilate"))
    assert torch.equal(process("open"), opened)
    assert torch.equal(process("close"), closed)
    assert torch.equal(process("gradient"), process("dilate") - process("erode"))
    assert torch.equal(process("top_hat"), image - opened)
    assert torch.equal(process("bottom_hat"), closed - image)


def test_opening_removes_dots_and_closing_fills_holes() -> None:
    dot = torch.zeros(1, 7, 7, 3)
    dot[0, 3, 3] = 1.0
    assert torch.equal(Morphology().process(dot, "open", 3)[0], torch.zeros(1, 7, 7, 3))
    assert torch.equal(Morphology().process(1 - dot, "close", 3)[0], torch.ones(1, 7, 7, 3))


def test_a_window_may_have_different_sides() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
    assert window_maximum(values[None, None], 1, 3).tolist() == [[[[2.0, 3.0, 3.0], [4.0, 4.0, 0.0]]]]
    assert window_maximum(values[None, None], 2, 1).tolist() == [[[[1.0, 2.0, 3.0], [4.0, 2.0, 3.0]]]]
