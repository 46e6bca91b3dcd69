"""Weights of every dtype compute on a device what they compute on the CPU, in half precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.memory import current
from services.executor.memory.budget import Budget
from services.executor.patching.sampling import sample
from tests.executor.diffusion.families.small import SMALL, saved
from tests.gpu.conftest import GIB

CLOSE = 5e-2  # of the largest value: half precision, and random networks amplify


@torch.inference_mode()
def _sampled(path: Path) -> Tensor:
    model = LoadedCheckpoints(budget=GIB).model(path)
    drawn = torch.Generator().manual_seed(1)
    conditioning: list[list[Any]] = [[torch.randn(1, 7, SMALL["sd1"].context, generator=drawn), {}]]
    how: dict[str, Any] = {"seed": 5, "steps": 2, "cfg": 1.0, "sampler": "euler", "scheduler": "normal"}
    return sample(model, conditioning, conditioning, torch.zeros(1, 4, 16, 16), **how)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_weights_may_be_stored_in_any_dtype(dtype: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / "stored.safetensors"
    weights = load_file(saved("sd1", tmp_path))
    save_file({name: tensor.to(dtype) for name, tensor in weights.items()}, path)
    expected = _sampled(path)
    before = current.planner()
    planner = current.planner_of(torch.device("cuda", torch.cuda.current_device()), Budget())
    current.install(planner)
    try:
        found = _sampled(path)
    finally:
        planner.unload()
        current.install(before)
    torch.testing.assert_close(found, expected, rtol=0, atol=CLOSE * float(expected.abs().max()))
