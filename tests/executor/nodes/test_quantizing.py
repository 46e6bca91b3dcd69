"""The node that leaves few colours in a picture."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.nodes.quantizing import ImageQuantize, bayer_matrix

#: A grey ramp in 256 steps, 16 rows high.
RAMP = (torch.arange(256.0) / 255).reshape(1, 1, 256, 1).expand(1, 16, 256, 3)

DITHERS = ["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"]


def colours_of(image: Tensor) -> int:
    return len({tuple(pixel) for pixel in (image * 255).round().reshape(-1, 3).tolist()})


@pytest.mark.parametrize("dither", DITHERS)
@pytest.mark.parametrize("colours", [1, 2, 5, 256])
def test_no_more_colours_are_left_than_asked_for(colours: int, dither: str) -> None:
    (image,) = ImageQuantize().quantize(RAMP, colours, dither)
    assert image.shape == RAMP.shape
    assert colours_of(image[0]) <= colours


def test_few_colours_of_a_picture_stay_as_they_are() -> None:
    image = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).repeat(8, 8, 1).reshape(1, 8, 16, 3)
    assert torch.equal(ImageQuantize().quantize(image, 8, "none")[0], image)


@pytest.mark.parametrize("dither", DITHERS[1:])
def test_dithering_keeps_the_brightness_of_areas(dither: str) -> None:
    (image,) = ImageQuantize().quantize(RAMP, 4, dither)

    def steps(pictures: Tensor) -> Tensor:
        return pictures[0, :, :, 0].reshape(16, 16, 16).mean((0, 2))

    (plain,) = ImageQuantize().quantize(RAMP, 4, "none")
    error = (steps(image) - steps(RAMP))[2:-2].abs().mean()
    assert float(error) < float((steps(plain) - steps(RAMP))[2:-2].abs().mean())


def test_every_picture_of_a_batch_has_a_palette_of_its_own() -> None:
    batch = torch.stack([torch.full((4, 4, 3), 0.2), torch.full((4, 4, 3), 0.8)])
    (image,) = ImageQuantize().quantize(batch, 1, "none")
    torch.testing.assert_close(image, batch, atol=1 / 255, rtol=0)


def test_thresholds_are_every_step_between_minus_and_plus_a_half() -> None:
    assert bayer_matrix(2).tolist() == [[-0.375, 0.125], [0.375, -0.125]]
    # The order of Bayer's matrix of 4 x 4.
    order = torch.tensor([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
    torch.testing.assert_close(bayer_matrix(4), (order + 0.5) / 16 - 0.5)
    expected = (torch.arange(256) + 0.5) / 256 - 0.5
    torch.testing.assert_close(bayer_matrix(16).flatten().sort().values, expected)
