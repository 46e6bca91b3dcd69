"""Models found under one or more roots."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.errors import InvalidArgument, NotFound
from services.executor.custom.pack_models import PackModelFolders
from services.executor.model_folders import ModelFolders
from services.files.models.records import ExtraFolder


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_names_are_sorted_with_subfolders_and_only_model_files(tmp_path: Path) -> None:
    for name in ("b.safetensors", "sd/a.CKPT", "notes.txt", ".hidden.safetensors", ".git/x.pt"):
        touch(tmp_path / "checkpoints" / name)
    assert ModelFolders([tmp_path]).names("checkpoints") == ["b.safetensors", "sd/a.CKPT"]
    assert ModelFolders([tmp_path]).names("vae") == []


def test_the_first_root_wins_and_every_root_is_listed(tmp_path: Path) -> None:
    mine = touch(tmp_path / "mine" / "vae" / "x.safetensors")
    touch(tmp_path / "theirs" / "vae" / "x.safetensors")
    other = touch(tmp_path / "theirs" / "vae" / "y.safetensors")
    folders = ModelFolders([tmp_path / "mine", tmp_path / "theirs", tmp_path / "absent"])
    assert folders.names("vae") == ["x.safetensors", "y.safetensors"]
    assert folders.path("vae", "x.safetensors") == mine
    assert folders.path("vae", "y.safetensors") == other


@pytest.mark.parametrize(
    ("older", "folder"), [("unet", "diffusion_models"), ("clip", "text_encoders"), ("t2i_adapter", "controlnet")]
)
def test_older_folder_names_are_searched_too(older: str, folder: str, tmp_path: Path) -> None:
    path = touch(tmp_path / older / "x.safetensors")
    assert ModelFolders([tmp_path]).path(folder, "x.safetensors") == path


def test_links_are_followed_and_a_loop_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.safetensors")
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "loras" / "loop").symlink_to(tmp_path / "loras")
    assert ModelFolders([tmp_path]).names("loras") == ["linked/a.safetensors"]


@pytest.mark.parametrize("name", ["", "../secret.safetensors", "a/../../b", "/etc/passwd", "a\0b"])
def test_a_name_that_leaves_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    touch(tmp_path / "secret.safetensors")
    with pytest.raises(InvalidArgument, match="checkpoints"):
        ModelFolders([tmp_path]).path("checkpoints", name)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nope.safetensors"):
        ModelFolders([tmp_path]).path("checkpoints", "nope.safetensors")


def test_extra_folders_come_before_or_after_those_under_the_roots(tmp_path: Path) -> None:
    first = touch(tmp_path / "first" / "x.safetensors")
    mine = touch(tmp_path / "mine" / "unet" / "x.safetensors")
    last = touch(tmp_path / "last" / "x.safetensors")
    for extra, expected in (
        ([ExtraFolder("unet", str(tmp_path / "last"), False, "")], mine),
        ([ExtraFolder("diffusion_models", str(tmp_path / "first"), True, "")], first),
        ([ExtraFolder("vae", str(tmp_path / "first"), True, "")], mine),
    ):
        folders = ModelFolders([tmp_path / "mine"], extra=extra)
        assert folders.path("diffusion_models", "x.safetensors") == expected
    assert ModelFolders([], extra=[ExtraFolder("ipadapter", str(last.parent), False, "")]).names("ipadapter") == [
        "x.safetensors"
    ]


def test_packs_see_extra_kinds_and_their_directories(tmp_path: Path) -> None:
    extra = [
        ExtraFolder("clip", str(tmp_path / "clip"), True, ""),
        ExtraFolder("ipadapter", str(tmp_path / "ip"), False, ""),
    ]
    folders = PackModelFolders([tmp_path / "models"], extra=extra).folders
    assert folders["ipadapter"][0][-1] == str(tmp_path / "ip")
    assert folders["text_encoders"][0][0] == str(tmp_path / "clip")
