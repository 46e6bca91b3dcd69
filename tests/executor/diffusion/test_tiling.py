"""Large pictures in pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.tiling import in_tiles, tile_count


@pytest.mark.parametrize(("size", "tile", "overlap"), [(40, 16, 4), (97, 16, 4), (17, 16, 4), (5, 16, 4), (50, 16, 30)])
def test_tiles_cover_a_side_and_the_last_one_is_as_short_as_what_is_left(size: int, tile: int, overlap: int) -> None:
    seen: list[Tensor] = []

    def keep(piece: Tensor) -> Tensor:
        seen.append(piece[0, 0, 0].round().long())
        return piece

    positions = torch.arange(float(size)).reshape(1, 1, 1, size)
    joined = in_tiles(positions, keep, (1, tile), (0, overlap), scale=1, channels=1)
    torch.testing.assert_close(joined, positions)
    assert len(seen) == tile_count((1, size), (1, tile), (0, overlap))
    assert {len(piece) for piece in seen[:-1]} <= {tile}
    assert len(seen[-1]) <= tile
    assert {int(after[0] - before[0]) for before, after in pairwise(seen)} <= {max(1, tile - overlap)}
