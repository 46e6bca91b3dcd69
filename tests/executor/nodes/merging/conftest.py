"""Two small models of one family."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from services.executor import environment
from services.executor.model_folders import ModelFolders
from services.executor.nodes.loaders import CheckpointLoaderSimple
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.patching.conftest import Loaded

FIRST = "sd15_small.safetensors"
SECOND = "other.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where models are looked for, besides the recorded ones."""
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path / "output", GOLDEN / "models"))))
    yield tmp_path / "output"
    environment.install(before)


def loaded(name: str) -> Loaded:
    """The models of a file."""
    return Loaded(*CheckpointLoaderSimple().load_checkpoint(name))


@pytest.fixture
def first(folder: Path) -> Loaded:
    """The recorded model."""
    return loaded(FIRST)


@pytest.fixture
def second(folder: Path) -> Loaded:
    """One of the same structure, whose weights are others."""
    path = GOLDEN / "models" / "checkpoints" / FIRST
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    torch.manual_seed(2)
    tensors = {
        name: tensor + 0.05 * torch.randn_like(tensor) if tensor.is_floating_point() else tensor
        for name, tensor in load_file(path).items()
    }
    (folder / "checkpoints").mkdir(parents=True)
    save_file(tensors, folder / "checkpoints" / SECOND, metadata)
    return loaded(SECOND)
