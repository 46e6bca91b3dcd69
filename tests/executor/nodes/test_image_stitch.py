"""The node that puts two pictures side by side."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.nodes.image_stitch import ImageStitch

FIRST, SECOND = torch.full((1, 2, 2, 3), 0.2), torch.full((1, 2, 2, 3), 0.6)


def stitched(
    first: Tensor, second: Tensor | None, direction: str, match: bool = True, gap: int = 0, colour: str = "white"
) -> Tensor:
    (image,) = ImageStitch().stitch(first, direction, match, gap, colour, second)
    return image


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("right", [[0.2, 0.2, 0.6, 0.6]] * 2),
        ("left", [[0.6, 0.6, 0.2, 0.2]] * 2),
        ("down", [[0.2, 0.2]] * 2 + [[0.6, 0.6]] * 2),
        ("up", [[0.6, 0.6]] * 2 + [[0.2, 0.2]] * 2),
    ],
)
def test_the_second_picture_goes_where_it_is_sent(direction: str, expected: list[list[float]]) -> None:
    torch.testing.assert_close(
        stitched(FIRST, SECOND, direction)[0, :, :, 0], torch.tensor(expected), atol=0.5 / 255, rtol=0
    )


def test_without_a_second_picture_the_first_is_passed_on() -> None:
    assert stitched(FIRST, None, "right") is FIRST


def test_a_gap_has_its_colour_and_an_even_width() -> None:
    image = stitched(FIRST, SECOND, "right", gap=3, colour="red")
    assert image.shape == (1, 2, 8, 3)
    assert image[0, 1, 2:6].tolist() == [[1.0, 0.0, 0.0]] * 4


def test_matching_brings_the_second_picture_to_the_height_or_width_of_the_first() -> None:
    large = torch.rand(1, 6, 9, 3)
    assert stitched(FIRST, large, "left").shape == (1, 2, 2 + 3, 3)
    assert stitched(FIRST, large, "up").shape == (1, 2 + 1, 2, 3)


def test_unmatched_pictures_stand_in_the_middle() -> None:
    column = stitched(torch.full((1, 5, 1, 3), 0.2), SECOND, "right", match=False)[0, :, 2, 0]
    assert column.tolist() == pytest.approx([1.0, 0.6, 0.6, 1.0, 1.0])
    row = stitched(FIRST, torch.full((1, 1, 5, 3), 0.6), "down", match=False, colour="blue")[0, 0, :, 0]
    assert row.tolist() == pytest.approx([0.0, 0.2, 0.2, 0.0, 0.0])


def test_the_shorter_batch_goes_on_with_its_last_picture() -> None:
    first = torch.stack([FIRST[0], 2 * FIRST[0]])
    image = stitched(first, SECOND.expand(3, 2, 2, 3), "right", match=False)
    assert image[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.4, 0.4])
    assert image[:, 0, 3, 0].tolist() == pytest.approx([0.6, 0.6, 0.6])


def test_the_one_without_transparency_is_opaque_and_so_is_the_gap() -> None:
    image = stitched(FIRST, torch.zeros(1, 2, 2, 4), "right", match=False, gap=2, colour="black")
    assert image[0, 0, :, 3].tolist() == [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
