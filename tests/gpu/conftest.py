"""A model of real size on a real device, and the planner of its memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.full_size import sd15_shapes, write
from services.executor.loaded_checkpoints import LoadedCheckpoints, Models
from services.executor.memory import current
from services.executor.memory.budget import Budget
from services.executor.memory.planner import MemoryPlanner
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sampling import sample

GIB = 1 << 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here, and skip it without a device."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            item.add_marker(pytest.mark.timeout(120))
            item.add_marker(pytest.mark.filterwarnings("default"))
            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="there is no CUDA or ROCm device"))


@dataclass(frozen=True)
class Gpu:
    """The device with models that nobody has brought there yet.

    Attributes:
        planner: of its memory; tests give it another budget.
        first, second: the models of two files.
    """

    planner: MemoryPlanner
    first: Models
    second: Models

    def model(self, models: Models) -> ModelPatcher:
        """The diffusion model of a file."""
        assert models.model
        return models.model

    def sampled(self, models: Models, *, size: int = 64, steps: int = 3, **how: Any) -> Tensor:
        """A latent of so many cells along each side."""
        assert models.clip
        clip = models.clip
        positive, negative = (
            clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in ("a red cat", "blurry")
        )
        settings: dict[str, Any] = {"seed": 3, "steps": steps, "cfg": 5.0, "sampler": "euler", "scheduler": "normal"}
        latent = torch.zeros(1, 4, size, size)
        return sample(self.model(models), positive, negative, latent, **settings | how)

    def peak(self) -> int:
        """The most that tensors took since `measure`."""
        return torch.cuda.max_memory_allocated(self.planner.memory.device)

    def measure(self) -> None:
        """Begin to measure anew."""
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    paths = [folder / f"{name}.safetensors" for name in ("first", "second")]
    write(paths[0], sd15_shapes(), torch.float16)
    paths[1].hardlink_to(paths[0])
    return paths


@pytest.fixture
def gpu(files: list[Path]) -> Iterator[Gpu]:
    before = current.planner()
    planner = current.planner_of(torch.device("cuda", torch.cuda.current_device()), Budget())
    current.install(planner)
    checkpoints = LoadedCheckpoints(budget=64 * GIB)
    with torch.inference_mode():
        yield Gpu(planner, *(checkpoints.get(path) for path in files))
    planner.unload()
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()
    current.install(before)
