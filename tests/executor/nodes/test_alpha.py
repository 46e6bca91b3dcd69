"""Nodes for pictures with transparency."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from services.executor.nodes.alpha import JoinImageWithAlpha, PorterDuffImageComposite, SplitImageWithAlpha
from services.executor.nodes.porter_duff import MODES


def pixel(*values: float) -> Tensor:
    return torch.tensor(values).reshape(1, 1, 1, -1)


def over(mode: str, source: float, source_alpha: float, below: float, below_alpha: float) -> tuple[float, float]:
    """The colour and alpha of one grey pixel laid over another."""
    image, mask = PorterDuffImageComposite().composite(
        pixel(source, source, source),
        torch.full((1, 1, 1), 1 - source_alpha),
        pixel(below, below, below),
        torch.full((1, 1, 1), 1 - below_alpha),
        mode,
    )
    return float(image[0, 0, 0, 0]), 1 - float(mask[0, 0, 0])


@pytest.mark.parametrize(
    ("mode", "source_part", "below_part"),
    [
        ("CLEAR", 0.0, 0.0),
        ("SRC", 1.0, 0.0),
        ("DST", 0.0, 1.0),
        ("SRC_OVER", 1.0, 1 - 0.5),
        ("DST_OVER", 1 - 0.8, 1.0),
        ("SRC_IN", 0.8, 0.0),
        ("DST_IN", 0.0, 0.5),
        ("SRC_OUT", 1 - 0.8, 0.0),
        ("DST_OUT", 0.0, 1 - 0.5),
        ("SRC_ATOP", 0.8, 1 - 0.5),
        ("DST_ATOP", 1 - 0.8, 0.5),
        ("XOR", 1 - 0.8, 1 - 0.5),
    ],
)
def test_a_porter_duff_rule_is_a_part_of_each(mode: str, source_part: float, below_part: float) -> None:
    alpha = 0.5 * source_part + 0.8 * below_part
    colour = (0.5 * 0.4 * source_part + 0.8 * 0.9 * below_part) / alpha if alpha else 0.0
    assert over(mode, 0.4, 0.5, 0.9, 0.8) == pytest.approx((colour, alpha), abs=1e-6)


@pytest.mark.parametrize(
    ("mode", "blend"),
    [
        ("ADD", lambda a, b: min(1.0, a + b)),
        ("MULTIPLY", lambda a, b: a * b),
        ("SCREEN", lambda a, b: 1 - (1 - a) * (1 - b)),
        ("DARKEN", min),
        ("LIGHTEN", max),
        ("OVERLAY", lambda a, b: 2 * a * b if b < 0.5 else 1 - 2 * (1 - a) * (1 - b)),
    ],
)
def test_opaque_pictures_blend_by_the_plain_formula(mode: str, blend: Callable[[float, float], float]) -> None:
    for source in (0.0, 0.3, 0.7, 1.0):
        for below in (0.0, 0.25, 0.6, 1.0):
            expected = blend(source, below)
            assert over(mode, source, 1.0, below, 1.0) == pytest.approx((expected, 1.0), abs=1e-6)


def test_where_the_result_is_transparent_it_is_black_and_there_are_no_infinities() -> None:
    for mode in MODES:
        assert over(mode, 0.7, 0.0, 0.9, 0.0) == (0.0, 0.0)


def test_pictures_and_masks_of_other_sizes_take_the_size_of_what_is_below() -> None:
    image, mask = PorterDuffImageComposite().composite(
        torch.full((2, 9, 3, 3), 0.5), torch.zeros(3, 5, 5), torch.zeros(2, 4, 6, 3), torch.zeros(2, 1, 2), "SRC_OVER"
    )
    torch.testing.assert_close(image, torch.full((2, 4, 6, 3), 0.5))
    torch.testing.assert_close(mask, torch.zeros(2, 4, 6))


def test_transparency_is_split_from_colours_and_joined_again() -> None:
    image = torch.rand(2, 3, 4, 4)
    colours, mask = SplitImageWithAlpha().split(image)
    assert torch.equal(colours, image[..., :3])
    torch.testing.assert_close(mask, 1 - image[..., 3])
    torch.testing.assert_close(JoinImageWithAlpha().join(colours, mask)[0], image)


def test_the_mask_of_an_opaque_picture_is_empty() -> None:
    _, mask = SplitImageWithAlpha().split(torch.rand(2, 3, 4, 3))
    assert torch.equal(mask, torch.zeros(2, 3, 4))


def test_joining_stretches_the_mask_and_repeats_the_shorter_batch() -> None:
    (image,) = JoinImageWithAlpha().join(torch.rand(1, 4, 4, 3), torch.tensor([0.0, 0.25, 1.0]).reshape(3, 1, 1))
    assert image.shape == (3, 4, 4, 4)
    assert image[:, 2, 1, 3].tolist() == [1.0, 0.75, 0.0]
