"""Nodes that make and change pictures."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.image import EmptyImage, ImageInvert, ImageScale
from services.executor.nodes.scaling import METHODS


def test_an_empty_image_has_its_colour_size_and_number() -> None:
    (images,) = EmptyImage().generate(5, 3, 2, 0xFF8000)
    assert images.shape == (2, 3, 5, 3)
    assert torch.equal(images[1, 2, 4], torch.tensor([1.0, 128 / 255, 0.0]))


def test_inverting_twice_changes_nothing() -> None:
    image = torch.rand(1, 4, 4, 3)
    (inverted,) = ImageInvert().invert(image)
    torch.testing.assert_close(inverted, 1 - image)
    torch.testing.assert_close(ImageInvert().invert(inverted)[0], image)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_the_size_asked_for_and_keeps_a_flat_colour(method: str) -> None:
    image = torch.tensor([0.2, 0.4, 0.8]).expand(2, 6, 9, 3)
    (scaled,) = ImageScale().upscale(image, method, 4, 11, "disabled")
    assert scaled.shape == (2, 11, 4, 3)
    torch.testing.assert_close(scaled, image[:, :1, :1].expand_as(scaled), atol=1 / 255, rtol=0)


@pytest.mark.parametrize(("width", "height", "expected"), [(12, 0, (8, 12)), (0, 4, (4, 6)), (0, 0, (10, 15))])
def test_a_side_of_zero_follows_from_the_other(width: int, height: int, expected: tuple[int, int]) -> None:
    (scaled,) = ImageScale().upscale(torch.zeros(1, 10, 15, 3), "bilinear", width, height, "disabled")
    assert tuple(scaled.shape[1:3]) == expected


def test_cropping_keeps_the_centre() -> None:
    image = torch.zeros(1, 4, 12, 3)
    image[:, :, 4:8] = 1.0
    (scaled,) = ImageScale().upscale(image, "nearest-exact", 4, 4, "center")
    assert torch.equal(scaled, torch.ones(1, 4, 4, 3))
    (tall,) = ImageScale().upscale(image.movedim(1, 2), "nearest-exact", 8, 8, "center")
    assert torch.equal(tall, torch.ones(1, 8, 8, 3))


def test_nearest_takes_the_pixels_at_the_centres() -> None:
    image = torch.arange(4.0).reshape(1, 1, 4, 1)
    (scaled,) = ImageScale().upscale(image, "nearest-exact", 2, 1, "disabled")
    assert scaled.flatten().tolist() == [1.0, 3.0]


def test_lanczos_scales_pictures_with_any_number_of_channels() -> None:
    assert ImageScale().upscale(torch.rand(1, 8, 8, 4), "lanczos", 3, 5, "disabled")[0].shape == (1, 5, 3, 4)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match="upscale_method: 'magic'"):
        ImageScale().upscale(torch.rand(1, 8, 8, 3), "magic", 3, 5, "disabled")
