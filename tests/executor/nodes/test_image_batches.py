"""Nodes that put batches of pictures together, take parts of them and count them."""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.nodes.image_batches import GetImageSize, ImageBatch, ImageFromBatch, RepeatImageBatch
from services.graph.events import NodeText
from tests.executor.nodes.conftest import Surroundings


def shades(*values: float) -> Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1).expand(-1, 2, 4, 3)


def shades_of(images: Tensor) -> list[float]:
    return [round(float(image[0, 0, 0]), 6) for image in images]


def test_two_batches_become_one_in_order() -> None:
    (batch,) = ImageBatch().batch(shades(0.1, 0.2), shades(0.3))
    assert batch.shape == (3, 2, 4, 3)
    assert shades_of(batch) == [0.1, 0.2, 0.3]


def test_the_second_batch_takes_the_size_of_the_first_and_its_centre_is_kept() -> None:
    wide = torch.zeros(1, 4, 24, 3)
    wide[:, :, 8:16] = 1.0
    (batch,) = ImageBatch().batch(shades(0.5), wide)
    assert torch.equal(batch[1], torch.ones(2, 4, 3))


def test_a_batch_without_transparency_becomes_opaque_beside_one_with_it() -> None:
    (batch,) = ImageBatch().batch(shades(0.5), torch.zeros(1, 2, 4, 4))
    assert batch[:, 0, 0].tolist() == [[0.5, 0.5, 0.5, 1.0], [0.0, 0.0, 0.0, 0.0]]
    (batch,) = ImageBatch().batch(torch.zeros(1, 2, 4, 4), shades(0.5))
    assert batch[:, 0, 0, 3].tolist() == [0.0, 1.0]


def test_a_batch_is_repeated_as_a_whole() -> None:
    assert shades_of(RepeatImageBatch().repeat(shades(0.1, 0.2), 3)[0]) == [0.1, 0.2, 0.1, 0.2, 0.1, 0.2]


def test_a_part_of_a_batch_ends_with_the_batch() -> None:
    batch = shades(0.1, 0.2, 0.3, 0.4)
    assert shades_of(ImageFromBatch().frombatch(batch, 1, 2)[0]) == [0.2, 0.3]
    assert shades_of(ImageFromBatch().frombatch(batch, 2, 4096)[0]) == [0.3, 0.4]
    assert shades_of(ImageFromBatch().frombatch(batch, 99, 2)[0]) == [0.4]


def test_the_size_is_width_height_and_number_and_is_shown(surroundings: Surroundings) -> None:
    assert GetImageSize().get_size(torch.zeros(5, 2, 3, 4)) == (3, 2, 5)
    (shown,) = surroundings.events
    assert isinstance(shown, NodeText)
    assert shown.text == "3 × 2, 5 in the batch"
