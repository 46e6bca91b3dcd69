"""The node that makes room around a picture for a model to fill."""

from __future__ import annotations

import torch

from services.executor.nodes.outpainting import ImagePadForOutpaint


def test_margins_are_grey_and_masked() -> None:
    image, mask = ImagePadForOutpaint().expand_image(torch.zeros(2, 2, 3, 4), 1, 2, 3, 0, 0)
    assert image.shape == (2, 4, 7, 4)
    assert image[1, :, :, 3].tolist() == [[0.5] * 7] * 2 + [[0.5, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5]] * 2
    assert mask.tolist() == [[[1.0] * 7] * 2 + [[1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]] * 2]


def test_the_mask_fades_only_towards_margins() -> None:
    _, mask = ImagePadForOutpaint().expand_image(torch.zeros(1, 9, 9, 3), 1, 0, 0, 0, 4)
    fading = [1.0, 9 / 16, 4 / 16, 1 / 16, 0.0]
    assert mask[0, 0].tolist() == mask[0, 8].tolist() == [1.0, *fading, 0.0, 0.0, 0.0, 0.0]
    _, mask = ImagePadForOutpaint().expand_image(torch.zeros(1, 9, 9, 3), 0, 0, 2, 0, 4)
    assert mask[0, 4].tolist() == [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1 / 16, 4 / 16, 9 / 16, 1.0, 1.0]


def test_in_a_corner_the_nearer_margin_counts() -> None:
    _, mask = ImagePadForOutpaint().expand_image(torch.zeros(1, 9, 9, 3), 8, 8, 8, 8, 4)
    for row in range(9):
        for column in range(9):
            distance = min(row, column, 9 - row, 9 - column)
            assert float(mask[0, 8 + row, 8 + column]) == max(0.0, (4 - distance) / 4) ** 2


def test_a_picture_not_larger_than_twice_the_fading_has_none() -> None:
    _, mask = ImagePadForOutpaint().expand_image(torch.zeros(1, 8, 99, 3), 8, 8, 8, 8, 4)
    assert float(mask[0, 8:16, 8:107].max()) == 0.0


def test_without_margins_nothing_is_masked() -> None:
    image, mask = ImagePadForOutpaint().expand_image(torch.ones(1, 90, 99, 3), 0, 0, 0, 0, 40)
    assert float(mask.max()) == 0.0
    assert torch.equal(image, torch.ones(1, 90, 99, 3))
