"""The node that blends two pictures."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from services.executor.nodes.blending import BLENDS, ImageBlend


def soft_light(a: float, b: float) -> float:
    if b <= 0.5:
        return a - (1 - 2 * b) * a * (1 - a)
    curve = ((16 * a - 12) * a + 4) * a if a <= 0.25 else math.sqrt(a)
    return a + (2 * b - 1) * (curve - a)


FORMULAS: dict[str, Callable[[float, float], float]] = {
    "normal": lambda a, b: b,
    "multiply": lambda a, b: a * b,
    "screen": lambda a, b: a + b - a * b,
    "overlay": lambda a, b: 2 * a * b if a <= 0.5 else 1 - 2 * (1 - a) * (1 - b),
    "soft_light": soft_light,
    "difference": lambda a, b: a - b,
}


@pytest.mark.parametrize("mode", BLENDS)
@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0])
def test_each_way_of_blending_follows_its_formula(mode: str, factor: float) -> None:
    levels = [0.0, 0.2, 0.25, 0.5, 0.7, 1.0]
    below = torch.tensor(levels).reshape(1, -1, 1, 1).expand(1, 6, 6, 3)
    above = torch.tensor(levels).reshape(1, 1, -1, 1).expand(1, 6, 6, 3)
    (image,) = ImageBlend().blend_images(below, above, factor, mode)
    for row, a in enumerate(levels):
        for column, b in enumerate(levels):
            expected = min(max((1 - factor) * a + factor * FORMULAS[mode](a, b), 0.0), 1.0)
            assert float(image[0, row, column, 1]) == pytest.approx(expected, abs=1e-6)


def test_the_second_picture_takes_size_and_channels_of_the_first() -> None:
    (image,) = ImageBlend().blend_images(torch.zeros(1, 4, 6, 3), torch.full((1, 9, 2, 4), 0.5), 1.0, "normal")
    torch.testing.assert_close(image, torch.full((1, 4, 6, 3), 0.5))
    (image,) = ImageBlend().blend_images(torch.zeros(1, 1, 1, 4), torch.full((1, 1, 1, 3), 0.5), 1.0, "normal")
    assert image.flatten().tolist() == [0.5, 0.5, 0.5, 1.0]


def test_a_single_picture_goes_with_every_one_of_a_batch() -> None:
    one, three = torch.zeros(1, 2, 2, 3), torch.rand(3, 2, 2, 3)
    torch.testing.assert_close(ImageBlend().blend_images(one, three, 1.0, "normal")[0], three)
    torch.testing.assert_close(ImageBlend().blend_images(three, one, 0.0, "normal")[0], three)


def test_an_unknown_way_is_named() -> None:
    with pytest.raises(ValueError, match="blend_mode: 'magic' is not one of normal, multiply, "):
        ImageBlend().blend_images(torch.zeros(1, 1, 1, 3), torch.zeros(1, 1, 1, 3), 0.5, "magic")


def test_batches_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="image2: a batch of 3 cannot be blended with one of 2"):
        ImageBlend().blend_images(torch.zeros(2, 1, 1, 3), torch.zeros(3, 1, 1, 3), 0.5, "normal")
