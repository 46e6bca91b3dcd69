"""Nodes between colours and brightness with two differences of colour."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.colour_spaces import ImageRGBToYUV, ImageYUVToRGB


@pytest.mark.parametrize(
    ("colour", "parts"),
    [
        ((0.0, 0.0, 0.0), (0.0, 0.5, 0.5)),
        ((1.0, 1.0, 1.0), (1.0, 0.5, 0.5)),
        ((1.0, 0.0, 0.0), (0.299, 0.5 - 0.299 * 0.564, 0.5 + 0.701 * 0.713)),
        ((0.0, 0.0, 1.0), (0.114, 0.5 + 0.886 * 0.564, 0.5 - 0.114 * 0.713)),
    ],
)
def test_known_colours_have_known_parts(colour: tuple[float, float, float], parts: tuple[float, float, float]) -> None:
    for part, expected in zip(ImageRGBToYUV().split(torch.tensor(colour).expand(1, 2, 2, 3)), parts, strict=True):
        torch.testing.assert_close(part, torch.full((1, 2, 2, 3), expected))


def test_a_colour_survives_the_way_there_and_back() -> None:
    image = torch.rand(2, 5, 4, 3)
    torch.testing.assert_close(ImageYUVToRGB().join(*ImageRGBToYUV().split(image))[0], image, atol=2e-3, rtol=0)


def test_impossible_parts_are_clipped_and_transparency_is_left_out() -> None:
    ones, zeros = torch.ones(1, 1, 1, 3), torch.zeros(1, 1, 1, 3)
    assert ImageYUVToRGB().join(ones, ones, zeros)[0].tolist() == [[[[pytest.approx(0.2985), 1.0, 1.0]]]]
    assert [part.shape for part in ImageRGBToYUV().split(torch.rand(1, 2, 3, 4))] == [(1, 2, 3, 3)] * 3
