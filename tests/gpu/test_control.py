"""Steering on a real device gives what it gives on the host, whole and with layers that stay there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.memory import current
from services.executor.memory.budget import Budget
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.nodes.control import ways

CLOSE = 5e-2  # of the largest value: half precision, kernels may differ


def sampled(device: str, way: str, folder: Path, budget: int | None) -> Tensor:
    before, planner = current.planner(), current.planner_of(torch.device(device), Budget())
    current.install(planner)
    try:
        models = LoadedCheckpoints().get(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors")
        if budget is not None:
            planner.budget = planner.memory.taken() + budget
        return ways.sampled(models, way, folder)
    finally:
        planner.unload()
        current.install(before)


@pytest.mark.parametrize("budget", [None, 1 << 20], ids=["whole", "streamed"])
@pytest.mark.parametrize("way", ways.WAYS)
@torch.inference_mode()
def test_a_device_steers_as_the_host_does(way: str, budget: int | None, tmp_path: Path) -> None:
    expected = sampled("cpu", way, tmp_path, None)
    found = sampled("cuda", way, tmp_path, budget)
    torch.testing.assert_close(found, expected, rtol=0, atol=CLOSE * float(expected.abs().max()))
