"""Nodes that make masks, and turn pictures into masks and back."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.masks import (
    CropMask,
    ImageColorToMask,
    ImageToMask,
    InvertMask,
    MaskToImage,
    SolidMask,
    ThresholdMask,
)


def test_a_mask_is_a_grey_picture_with_or_without_a_batch() -> None:
    mask = torch.rand(2, 3, 4)
    (image,) = MaskToImage().mask_to_image(mask)
    assert image.shape == (2, 3, 4, 3)
    assert all(torch.equal(image[..., channel], mask) for channel in range(3))
    assert MaskToImage().mask_to_image(mask[0])[0].shape == (1, 3, 4, 3)


def test_a_channel_is_a_mask() -> None:
    image = torch.rand(1, 2, 2, 4)
    for index, channel in enumerate(("red", "green", "blue", "alpha")):
        assert torch.equal(ImageToMask().image_to_mask(image, channel)[0], image[..., index])


def test_a_channel_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="channel: pictures of 3 channels have no alpha"):
        ImageToMask().image_to_mask(torch.zeros(1, 1, 1, 3), "alpha")


def test_a_colour_is_masked_where_it_is_exactly_that_in_eight_bits() -> None:
    image = torch.tensor([[255.0, 128.0, 0.0], [254.0, 128.0, 0.0], [255.4, 127.6, -9.0], [0.0, 0.0, 0.0]]) / 255
    (mask,) = ImageColorToMask().image_to_mask(image.reshape(1, 2, 2, 3), 0xFF8000)
    assert mask.tolist() == [[[1.0, 0.0], [1.0, 0.0]]]


def test_a_solid_mask_has_its_value_and_size() -> None:
    assert torch.equal(SolidMask().solid(0.25, 3, 2)[0], torch.full((1, 2, 3), 0.25))
    assert SolidMask().solid(1, 1, 1)[0].dtype == torch.float32


def test_inverting_is_one_minus_the_mask() -> None:
    assert InvertMask().invert(torch.tensor([[[0.0, 0.25, 1.0]]]))[0].tolist() == [[[1.0, 0.75, 0.0]]]


def test_a_crop_ends_at_the_edges() -> None:
    mask = torch.arange(6.0).reshape(2, 3)
    assert CropMask().crop(mask, 1, 1, 99, 99)[0].tolist() == [[[4.0, 5.0]]]
    assert CropMask().crop(mask, 0, 0, 2, 1)[0].tolist() == [[[0.0, 1.0]]]


@pytest.mark.parametrize(("x", "y"), [(3, 0), (0, 2)])
def test_a_crop_outside_of_a_mask_is_refused(x: int, y: int) -> None:
    with pytest.raises(ValueError, match="x, y: .* is outside of a mask of 3 x 2 pixels"):
        CropMask().crop(torch.zeros(1, 2, 3), x, y, 1, 1)


def test_a_threshold_must_be_exceeded() -> None:
    assert ThresholdMask().image_to_mask(torch.tensor([[[0.4, 0.5, 0.6]]]), 0.5)[0].tolist() == [[[0.0, 0.0, 1.0]]]
