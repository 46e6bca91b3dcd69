"""Packs that save models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from services.executor.custom.modules import comfy_extras_model_merging, comfy_sd
from tests.executor.nodes.conftest import Surroundings, surroundings
from tests.executor.nodes.merging.conftest import first, folder, loaded
from tests.executor.patching.conftest import Loaded

__all__ = ["first", "folder", "surroundings"]


def test_a_checkpoint_is_saved_in_the_output_folder(first: Loaded, folder: Path, surroundings: Surroundings) -> None:
    comfy_extras_model_merging.save_checkpoint(first.model, first.clip, first.vae, filename_prefix="checkpoints/mine")
    again = loaded("mine_00001_.safetensors")
    assert torch.equal(again.clip.encode("a red cat"), first.clip.encode("a red cat"))


def test_a_checkpoint_is_written_to_a_path(first: Loaded, folder: Path) -> None:
    (folder / "checkpoints").mkdir(parents=True)
    path = folder / "checkpoints" / "mine.safetensors"
    comfy_sd.save_checkpoint(str(path), first.model, vae=first.vae, extra_keys={"mine": torch.ones(2)})
    models = comfy_sd.load_checkpoint_guess_config(path)
    assert models[0].model.network.unet.spec == first.model.model.network.unet.spec
    assert models[1] is None
    assert load_file(path)["mine"].tolist() == [1.0, 1.0]


def test_networks_for_pictures_are_refused(first: Loaded, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^clip_vision: "):
        comfy_sd.save_checkpoint(tmp_path / "x", first.model, clip_vision=object())
    with pytest.raises(ValueError, match="^clip_vision: "):
        comfy_extras_model_merging.save_checkpoint(first.model, clip_vision=object())
