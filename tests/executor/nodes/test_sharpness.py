"""Nodes that blur and sharpen pictures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.filters import smoothed
from services.executor.nodes.sharpness import ImageBlur, ImageSharpen


def kernel(radius: int, sigma: float) -> Tensor:
    """A Gaussian of two dimensions between -1 and 1."""
    line = torch.linspace(-1, 1, 2 * radius + 1)
    weights = torch.exp(-(line[:, None] ** 2 + line[None, :] ** 2) / (2 * sigma**2))
    return weights / weights.sum()


def filtered(image: Tensor, weights: Tensor) -> Tensor:
    """The filter in one step, without the trick of rows and columns."""
    radius = len(weights) // 2
    padded = functional.pad(image.movedim(-1, 1), (radius,) * 4, mode="reflect")
    channels = image.shape[-1]
    return functional.conv2d(padded, weights.expand(channels, 1, *weights.shape), groups=channels).movedim(1, -1)


@pytest.mark.parametrize(("radius", "sigma"), [(1, 0.1), (1, 1.0), (3, 0.4), (7, 10.0)])
def test_a_blur_is_the_mean_under_a_gaussian(radius: int, sigma: float) -> None:
    image = torch.rand(2, 9, 12, 3)
    torch.testing.assert_close(ImageBlur().blur(image, radius, sigma)[0], filtered(image, kernel(radius, sigma)))


@pytest.mark.parametrize(("radius", "sigma", "alpha"), [(1, 1.0, 1.0), (3, 0.5, 0.2), (2, 1.0, 0.0)])
def test_sharpening_takes_the_neighbours_away(radius: int, sigma: float, alpha: float) -> None:
    image = torch.rand(2, 9, 12, 4)
    weights = kernel(radius, sigma) * (-10 * alpha)
    weights[radius, radius] += 1 - weights.sum()
    expected = filtered(image, weights).clamp(0, 1)
    torch.testing.assert_close(ImageSharpen().sharpen(image, radius, sigma, alpha)[0], expected, atol=1e-4, rtol=0)


def test_a_flat_picture_stays_as_it_is_even_if_it_is_smaller_than_the_filter() -> None:
    for shape in ((1, 1, 1, 3), (1, 2, 5, 1), (1, 40, 3, 4)):
        image = torch.full(shape, 0.4)
        torch.testing.assert_close(ImageBlur().blur(image, 31, 2.0)[0], image)
        torch.testing.assert_close(ImageSharpen().sharpen(image, 31, 2.0, 5.0)[0], image, atol=1e-4, rtol=0)


def test_small_pictures_are_mirrored_as_often_as_it_takes() -> None:
    row = torch.tensor([0.0, 1.0, 2.0]).reshape(1, 1, 3)
    five_to_the_left = torch.eye(11)[0]
    # 1 0 1 2 1 | 0 1 2, and a single row is its own mirror image.
    assert smoothed(row, five_to_the_left).flatten().tolist() == [1.0, 0.0, 1.0]


def test_a_gaussian_without_width_and_a_reach_beyond_all_memory_are_named() -> None:
    with pytest.raises(ValueError, match=r"sigma: 0\.0 is not above 0"):
        ImageBlur().blur(torch.rand(1, 3, 3, 3), 1, 0.0)
    with pytest.raises(ValueError, match="sharpen_radius: "):
        ImageSharpen().sharpen(torch.rand(1, 3, 3, 3), 10**12, 1.0, 1.0)


def test_no_reach_changes_nothing() -> None:
    image = torch.rand(1, 3, 3, 3)
    assert ImageBlur().blur(image, 0, 1.0)[0] is image
    assert ImageSharpen().sharpen(image, 0, 1.0, 1.0)[0] is image
