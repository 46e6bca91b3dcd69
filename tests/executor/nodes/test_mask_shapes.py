"""Nodes that make what is masked grow, shrink and fade."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.mask_shapes import FeatherMask, GrowMask


def dot(height: int, width: int, row: int, column: int) -> Tensor:
    mask = torch.zeros(1, height, width)
    mask[0, row, column] = 1.0
    return mask


def within(height: int, width: int, row: int, column: int, steps: int, tapered: bool) -> Tensor:
    """1 where the distance from a place is at most `steps`, by the sum or the larger of both directions."""
    down = (torch.arange(height) - row).abs()[:, None]
    across = (torch.arange(width) - column).abs()[None, :]
    distance = down + across if tapered else torch.maximum(down, across)
    return (distance <= steps).float().unsqueeze(0)


@pytest.mark.parametrize("tapered", [True, False])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 6, 7, 12, 20, 40])
@pytest.mark.parametrize("place", [(0, 0), (4, 7), (8, 13)])
def test_a_dot_grows_to_a_diamond_or_a_square(place: tuple[int, int], steps: int, tapered: bool) -> None:
    (grown,) = GrowMask().expand_mask(dot(9, 14, *place), steps, tapered)
    assert torch.equal(grown, within(9, 14, *place, steps, tapered))


@pytest.mark.parametrize("tapered", [True, False])
def test_shrinking_is_the_growing_of_what_is_not_masked(tapered: bool) -> None:
    mask = torch.rand(2, 7, 9)
    (shrunk,) = GrowMask().expand_mask(mask, -2, tapered)
    torch.testing.assert_close(shrunk, 1 - GrowMask().expand_mask(1 - mask, 2, tapered)[0])
    assert bool((shrunk <= mask).all())


def test_many_steps_are_one_after_the_other_and_beyond_the_edges_there_is_nothing() -> None:
    mask = torch.rand(1, 6, 6)
    for tapered in (True, False):
        (once,) = GrowMask().expand_mask(mask, 1, tapered)
        assert torch.equal(GrowMask().expand_mask(once, 2, tapered)[0], GrowMask().expand_mask(mask, 3, tapered)[0])
        assert torch.equal(GrowMask().expand_mask(torch.ones(1, 6, 6), -3, tapered)[0], torch.ones(1, 6, 6))
        assert torch.equal(GrowMask().expand_mask(mask, 16384, tapered)[0], mask.max().expand(1, 6, 6))
        assert torch.equal(GrowMask().expand_mask(mask, -16384, tapered)[0], mask.min().expand(1, 6, 6))


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1), (2, 2), (4, 7)])
def test_tapered_growth_is_the_same_step_again_and_again(shape: tuple[int, int], steps: int) -> None:
    mask = grown = torch.rand(3, *shape) - 0.5
    for _ in range(steps):
        around = functional.pad(grown, (1, 1, 1, 1), value=-1.0)
        moved = (around[:, :-2, 1:-1], around[:, 2:, 1:-1], around[:, 1:-1, :-2], around[:, 1:-1, 2:])
        grown = torch.stack((grown, *moved)).amax(0)
    assert torch.equal(GrowMask().expand_mask(mask, steps, True)[0], grown)


def test_no_steps_change_nothing_and_a_mask_gets_a_batch() -> None:
    mask = torch.rand(3, 4)
    assert torch.equal(GrowMask().expand_mask(mask, 0, True)[0], mask.unsqueeze(0))


def test_the_given_mask_is_not_written_to() -> None:
    mask = dot(3, 3, 1, 1)
    GrowMask().expand_mask(mask, 1, True)
    FeatherMask().feather(mask, 1, 2, 2, 1)
    assert torch.equal(mask, dot(3, 3, 1, 1))


def test_each_edge_fades_by_its_own_width() -> None:
    (mask,) = FeatherMask().feather(torch.ones(6, 8), 4, 0, 2, 0)
    assert mask[0, 3].tolist() == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 0.5]
    (mask,) = FeatherMask().feather(torch.ones(6, 8), 0, 1, 0, 5)
    assert mask[0, :, 3].tolist() == pytest.approx([1.0, 1.0, 0.8, 0.6, 0.4, 0.2])


def test_fading_wider_than_the_mask_ends_with_it() -> None:
    (mask,) = FeatherMask().feather(torch.ones(2, 1, 4), 99, 0, 99, 0)
    assert mask.tolist() == [[[0.25, 0.5 * 0.75, 0.75 * 0.5, 0.25]]] * 2
