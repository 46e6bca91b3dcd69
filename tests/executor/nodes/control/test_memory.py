"""What steers shares a device's memory with the model: with little of it the latents stay the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from services.executor.memory import current
from services.executor.memory.planner import MemoryPlanner
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.memory.device import SmallDevice
from tests.executor.nodes.control.conftest import close
from tests.executor.nodes.control.ways import WAYS, sampled
from tests.executor.patching.conftest import CHECKPOINTS

ROOMY = 1 << 30
LITTLE = 3 << 20  # bytes, less than the model


@pytest.fixture
def small() -> Iterator[MemoryPlanner]:
    before, planner = current.planner(), MemoryPlanner(SmallDevice(ROOMY), ROOMY)
    current.install(planner)
    yield planner
    planner.unload()
    current.install(before)


@pytest.mark.parametrize("way", WAYS)
@torch.inference_mode()
def test_what_does_not_fit_steers_as_what_does(way: str, small: MemoryPlanner, tmp_path: Path) -> None:
    models = CHECKPOINTS.get(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors")
    expected = sampled(models, way, tmp_path)
    assert models.model
    assert len(small.loaded()) >= 2
    assert models.model.loaded_size() == models.model.model_size()
    small.unload()
    assert small.memory.taken() == 0
    small.budget = LITTLE
    assert close(sampled(models, way, tmp_path), expected)
    assert models.model.loaded_size() < models.model.model_size()
