"""Nodes that bring pictures to a size which they work out themselves."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.image_scaling import (
    KONTEXT_SIZES,
    FluxKontextImageScale,
    ImageScaleBy,
    ImageScaleToMaxDimension,
    ImageScaleToTotalPixels,
    ResizeAndPadImage,
)


@pytest.mark.parametrize(("factor", "size"), [(1.0, (10, 15)), (1.5, (15, 22)), (0.25, (2, 4)), (0.01, (1, 1))])
def test_a_factor_scales_both_sides_and_leaves_at_least_a_pixel(factor: float, size: tuple[int, int]) -> None:
    (scaled,) = ImageScaleBy().upscale(torch.rand(2, 10, 15, 3), "bilinear", factor)
    assert scaled.shape == (2, *size, 3)


def test_a_number_of_megapixels_is_reached_in_the_old_proportions() -> None:
    (scaled,) = ImageScaleToTotalPixels().upscale(torch.rand(1, 20, 80, 3), "nearest-exact", 0.25)
    assert scaled.shape == (1, 256, 1024, 3)


@pytest.mark.parametrize(
    ("old", "longest", "new"),
    [((10, 20), 40, (20, 40)), ((20, 10), 5, (5, 2)), ((7, 7), 9, (9, 9)), ((1, 300), 3, (1, 3)), ((4, 6), 0, (4, 6))],
)
def test_the_longer_side_reaches_the_length(old: tuple[int, int], longest: int, new: tuple[int, int]) -> None:
    (scaled,) = ImageScaleToMaxDimension().upscale(torch.rand(1, *old, 3), "area", longest)
    assert scaled.shape == (1, *new, 3)


def test_what_the_proportions_leave_over_is_padded_on_both_sides() -> None:
    (padded,) = ResizeAndPadImage().resize_and_pad(torch.full((2, 2, 4, 3), 0.25), 8, 7, "white", "nearest-exact")
    assert padded.shape == (2, 7, 8, 3)
    assert padded[1, :, 0, 0].tolist() == [1.0, 0.25, 0.25, 0.25, 0.25, 1.0, 1.0]
    (black,) = ResizeAndPadImage().resize_and_pad(torch.ones(1, 4, 1, 1), 3, 2, "black", "area")
    assert black[0, :, :, 0].tolist() == [[0.0, 1.0, 0.0]] * 2


@pytest.mark.parametrize(
    ("height", "width", "new"),
    [(10, 10, (1024, 1024)), (10, 60, (672, 1568)), (60, 10, (1568, 672)), (9, 16, (752, 1392))],
)
def test_kontext_gets_the_size_that_is_closest_in_proportions(height: int, width: int, new: tuple[int, int]) -> None:
    (scaled,) = FluxKontextImageScale().scale(torch.rand(1, height, width, 3))
    assert scaled.shape == (1, *new, 3)


def test_every_size_for_kontext_has_about_a_megapixel_in_multiples_of_sixteen() -> None:
    for width, height in KONTEXT_SIZES:
        assert width % 16 == height % 16 == 0
        assert (height, width) in KONTEXT_SIZES
        assert 1.0e6 < width * height < 1.1e6
