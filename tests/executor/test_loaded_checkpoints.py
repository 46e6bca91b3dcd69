"""Checkpoints that stay in memory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.loaded_checkpoints import LoadedCheckpoints, Models

SMALL = Path(__file__).parents[1] / "golden" / "models" / "checkpoints" / "sd15_small.safetensors"


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for path in paths:
        os.link(SMALL, path)
    return paths


def shared(models: Models) -> object:
    assert models.model
    return models.model.model


def test_the_ones_used_last_stay_within_the_budget(paths: list[Path]) -> None:
    a, b, c = paths
    loaded = LoadedCheckpoints(budget=SMALL.stat().st_size * 5 // 2)
    first, second = shared(loaded.get(a)), shared(loaded.get(b))
    assert shared(loaded.get(a)) is first
    loaded.get(c)
    assert shared(loaded.get(a)) is first
    assert shared(loaded.get(b)) is not second


def test_what_is_changed_about_a_model_is_not_there_when_it_is_asked_for_again(paths: list[Path]) -> None:
    loaded = LoadedCheckpoints()
    first = loaded.get(paths[0]).model
    assert first
    first.set_model_attn1_patch(lambda query, key, value, options: (query, key, value))
    again = loaded.get(paths[0]).model
    assert again
    assert first.is_clone(again)
    assert again.model_options == {"transformer_options": {}}


def test_a_file_that_was_replaced_is_loaded_anew(paths: list[Path], tmp_path: Path) -> None:
    loaded = LoadedCheckpoints()
    first = shared(loaded.get(paths[0]))
    shutil.copyfile(SMALL, tmp_path / "new")
    os.replace(tmp_path / "new", paths[0])
    assert shared(loaded.get(paths[0])) is not first


def test_a_file_that_is_no_checkpoint_leaves_the_others_alone(paths: list[Path], tmp_path: Path) -> None:
    loaded = LoadedCheckpoints(budget=0)
    first = shared(loaded.get(paths[0]))
    (tmp_path / "broken").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="broken"):
        loaded.get(tmp_path / "broken")
    assert shared(loaded.get(paths[0])) is first
