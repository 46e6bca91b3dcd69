"""Every family computes on a device, in half precision, what it computes on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.memory import current
from services.executor.memory.budget import Budget
from services.executor.patching.sampling import sample
from tests.executor.diffusion.families.small import POOLED, SMALL, saved
from tests.gpu.conftest import GIB

CLOSE = 5e-2  # of the largest value: half precision, and random networks amplify


@pytest.fixture
def on_device() -> Iterator[None]:
    before = current.planner()
    planner = current.planner_of(torch.device("cuda", torch.cuda.current_device()), Budget())
    current.install(planner)
    yield
    planner.unload()
    current.install(before)


def _conditionings(name: str) -> tuple[list[list[Any]], list[list[Any]]]:
    drawn = torch.Generator().manual_seed(1)
    seen = {
        "pooled_output": torch.randn(1, POOLED, generator=drawn),
        "concat_latent_image": torch.randn(1, 4, 16, 16, generator=drawn),
        "concat_mask": torch.ones(1, 1, 128, 128).triu(),
        "concat_image": torch.randn(1, 3, 16, 16, generator=drawn),
    }
    one, other = (torch.randn(1, 7, SMALL[name].context, generator=drawn) for _ in range(2))
    return [[one, dict(seen)]], [[other, dict(seen)]]


@torch.inference_mode()
def _sampled(path: Path, name: str) -> Tensor:
    model = LoadedCheckpoints(budget=GIB).get(path).model
    assert model
    how: dict[str, Any] = {"seed": 5, "steps": 2, "cfg": 2.0, "sampler": "euler", "scheduler": "normal"}
    positive, negative = _conditionings(name)
    return sample(model, positive, negative, torch.zeros(1, 4, 16, 16), **how)


@pytest.fixture
def expected(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, Path, Tensor]:
    name: str = request.param
    path = saved(name, tmp_path)
    return name, path, _sampled(path, name)


@pytest.mark.parametrize("expected", SMALL, indirect=True)
def test_a_family_is_sampled_as_on_the_cpu(expected: tuple[str, Path, Tensor], on_device: None) -> None:
    name, path, latent = expected
    found = _sampled(path, name)
    assert latent.isfinite().all()
    torch.testing.assert_close(found, latent, rtol=0, atol=CLOSE * float(latent.abs().max()))
