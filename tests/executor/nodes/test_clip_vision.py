"""The nodes that show pictures to an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from services.errors import NotFound
from services.executor import environment
from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.model_folders import ModelFolders
from services.executor.nodes.clip_vision import CLIPVisionEncode, CLIPVisionLoader
from tests.executor.diffusion.golden import GOLDEN

NAME = "cv_small.safetensors"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "clip_vision"
    folder.mkdir()
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path, GOLDEN / "models"))))
    yield folder
    environment.install(before)


def test_the_loader_lists_the_files_of_its_folder(folder: Path) -> None:
    (folder / "other.bin").touch()
    assert CLIPVisionLoader.INPUT_TYPES()["required"]["clip_name"] == ([NAME, "other.bin"],)


def test_the_middle_is_seen_alone_or_the_whole_picture() -> None:
    (encoder,) = CLIPVisionLoader().load_clip(NAME)
    picture = torch.rand(1, 30, 90, 3)
    by_crop = {crop: CLIPVisionEncode().encode(encoder, picture, crop)[0] for crop in ("center", "none")}
    edges = picture.clone()
    edges[:, :, :25] = edges[:, :, 65:] = 0
    with_edges = {crop: CLIPVisionEncode().encode(encoder, edges, crop)[0] for crop in ("center", "none")}
    assert torch.equal(by_crop["center"].image_embeds, with_edges["center"].image_embeds)
    assert not torch.equal(by_crop["none"].image_embeds, with_edges["none"].image_embeds)


def test_another_way_to_crop_is_refused() -> None:
    (encoder,) = CLIPVisionLoader().load_clip(NAME)
    with pytest.raises(ValueError, match="crop: 'left' is not one of center, none"):
        CLIPVisionEncode().encode(encoder, torch.rand(1, 9, 9, 3), "left")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x80\x02}q\x00."])
@pytest.mark.parametrize("name", ["odd.safetensors", "odd.bin"])
def test_a_file_that_is_none_is_refused_by_name(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        CLIPVisionLoader().load_clip(name)


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(NotFound, match=r"'gone\.safetensors' in clip_vision"):
        CLIPVisionLoader().load_clip("gone.safetensors")
