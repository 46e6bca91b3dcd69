"""Nodes that paste pictures into pictures and masks into masks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.nodes.composites import ImageCompositeMasked, MaskComposite

BLACK, WHITE = torch.zeros(1, 4, 5, 3), torch.ones(1, 2, 2, 3)


def composite(destination: Tensor, source: Tensor, x: int, y: int, mask: Tensor | None = None) -> Tensor:
    (image,) = ImageCompositeMasked().composite(destination, source, x, y, False, mask)
    return image


def test_a_picture_is_pasted_at_its_place_and_the_destination_is_left_alone() -> None:
    image = composite(BLACK, WHITE, 2, 1)
    assert image[0, :, :, 0].tolist() == [[0] * 5, [0, 0, 1, 1, 0], [0, 0, 1, 1, 0], [0] * 5]
    assert float(BLACK.max()) == 0.0


@pytest.mark.parametrize(
    ("x", "y", "pixels"), [(4, 3, 1), (4, 0, 2), (5, 0, 0), (16384, 16384, 0), (-1, -1, 1), (-9, 0, 0)]
)
def test_what_lies_outside_is_not_seen(x: int, y: int, pixels: int) -> None:
    assert float(composite(BLACK, WHITE, x, y)[..., 0].sum()) == pixels


def test_a_mask_says_how_much_is_seen() -> None:
    image = composite(torch.full((1, 1, 3, 3), 0.5), torch.ones(1, 1, 2, 3), 1, 0, torch.tensor([[[0.5, 1.0]]]))
    assert image[0, 0, :, 0].tolist() == [0.5, 0.75, 1.0]


def test_a_mask_of_another_size_is_stretched_to_the_source() -> None:
    image = composite(torch.zeros(1, 2, 8, 3), torch.ones(1, 2, 8, 3), 0, 0, torch.tensor([[0.0, 1.0]]))
    # Of the two values, whose centres are at 2 and 6 of 8 pixels, each pixel's centre takes its mean by distance.
    assert image[0, 1, :, 0].tolist() == [0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0]


def test_a_source_may_be_stretched_to_the_destination() -> None:
    (image,) = ImageCompositeMasked().composite(BLACK, torch.full((1, 1, 1, 3), 0.25), 0, 0, True)
    torch.testing.assert_close(image, torch.full((1, 4, 5, 3), 0.25))


def test_batches_follow_the_destination() -> None:
    sources = torch.tensor([0.25, 0.5]).reshape(2, 1, 1, 1).expand(2, 4, 5, 3)
    repeated = composite(BLACK.expand(3, 4, 5, 3), sources, 0, 0)
    assert repeated[:, 0, 0, 0].tolist() == [0.25, 0.5, 0.25]
    assert composite(BLACK, sources, 0, 0).shape == (1, 4, 5, 3)
    masks = torch.tensor([0.0, 1.0]).reshape(2, 1, 1)
    assert composite(BLACK.expand(3, 4, 5, 3), sources, 0, 0, masks)[:, 0, 0, 0].tolist() == [0.0, 0.5, 0.0]


def test_channels_follow_the_destination() -> None:
    assert composite(BLACK, torch.ones(1, 4, 5, 4), 0, 0).shape == (1, 4, 5, 3)
    image = composite(torch.zeros(1, 4, 5, 4), WHITE / 2, 0, 0)
    assert image[0, 0, :, :].tolist() == [[0.5, 0.5, 0.5, 1.0]] * 2 + [[0.0] * 4] * 3


def test_an_empty_source_is_named() -> None:
    with pytest.raises(ValueError, match="source: the batch is empty"):
        composite(BLACK, WHITE[:0], 0, 0)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("multiply", [0.0, 0.24, 0.48, 1.0]),
        ("add", [0.4, 1.0, 1.0, 1.0]),
        ("subtract", [0.0, 0.0, 0.2, 0.0]),
        ("and", [0.0, 0.0, 1.0, 1.0]),
        ("or", [0.0, 1.0, 1.0, 1.0]),
        ("xor", [0.0, 1.0, 0.0, 0.0]),
    ],
)
def test_masks_are_combined(operation: str, expected: list[float]) -> None:
    destination = torch.tensor([[[0.0, 0.4, 0.8, 1.0]]])
    source = torch.tensor([[[0.4, 0.6, 0.6, 1.0]]])
    (mask,) = MaskComposite().combine(destination, source, 0, 0, operation)
    assert mask[0, 0].tolist() == pytest.approx(expected)


def test_masks_are_combined_only_where_they_overlap() -> None:
    (mask,) = MaskComposite().combine(torch.full((2, 2, 3), 0.5), torch.ones(9, 9), 2, 1, "add")
    assert mask.tolist() == [[[0.5, 0.5, 0.5], [0.5, 0.5, 1.0]]] * 2
    (mask,) = MaskComposite().combine(torch.full((2, 3), 0.5), torch.ones(9, 9), 3, 0, "multiply")
    assert torch.equal(mask, torch.full((1, 2, 3), 0.5))
