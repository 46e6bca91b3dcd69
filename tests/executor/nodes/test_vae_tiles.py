"""Nodes that go tile by tile tell of each."""

from __future__ import annotations

import pytest
import torch

from services.executor.engine.context import Interrupted
from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.nodes.vae_tiles import VAEDecodeTiled, VAEEncodeTiled
from services.executor.patching.vae import VAE
from services.graph.events import NodeProgress
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.nodes.conftest import Surroundings


@pytest.fixture(scope="module")
def vae() -> VAE:
    found = LoadedCheckpoints().get(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors").vae
    assert found
    return found


def told(surroundings: Surroundings) -> list[tuple[float, float]]:
    progress = [(event.value, event.maximum) for event in surroundings.events if isinstance(event, NodeProgress)]
    surroundings.events.clear()
    return progress


def test_each_tile_is_told_of(vae: VAE, surroundings: Surroundings) -> None:
    (pictures,) = VAEDecodeTiled().decode(vae, {"samples": torch.zeros(1, 4, 16, 16)}, 64, 0)
    # 2x2 tiles of 8x8 cells, and 4x1 and 1x4 of the longer shapes.
    assert told(surroundings) == [(float(done), 12.0) for done in range(1, 13)]
    VAEEncodeTiled().encode(vae, pictures, 64, 0)
    assert told(surroundings) == [(float(done), 12.0) for done in range(1, 13)]


def test_a_picture_of_one_tile_is_told_of_too(vae: VAE, surroundings: Surroundings) -> None:
    VAEDecodeTiled().decode(vae, {"samples": torch.zeros(1, 4, 4, 4)}, 512, 64)
    assert told(surroundings) == [(1.0, 3.0), (2.0, 3.0), (3.0, 3.0)]


def test_an_interrupt_is_heard_at_the_next_tile(vae: VAE, surroundings: Surroundings) -> None:
    surroundings.run.interrupted.set()
    with pytest.raises(Interrupted):
        VAEDecodeTiled().decode(vae, {"samples": torch.zeros(1, 4, 16, 16)}, 64, 0)
    assert told(surroundings) == []
