"""What is told about the models of every store."""

from __future__ import annotations

import json

import pytest
from blake3 import blake3

from services.errors import FailedPrecondition, InvalidArgument, NotFound
from services.files.models.kinds import FOLDERS
from services.files.models.library import ModelLibrary
from tests.contract.models.conftest import FILES


async def names(models: ModelLibrary, folder: str) -> list[tuple[str, int]]:
    return [(model.name, model.directory_index) for model in (await models.list(folder)).models]


async def test_kinds_are_those_of_comfyui_and_then_others_that_have_a_folder(models: ModelLibrary) -> None:
    folders = await models.folders()
    assert [folder.name for folder in folders] == [*FOLDERS, "ipadapter"]
    by_name = {folder.name: folder for folder in folders}
    assert by_name["text_encoders"].directories == ("text_encoders", "clip")
    assert ".safetensors" in by_name["loras"].extensions


async def test_models_are_listed_by_name_with_those_in_subfolders(models: ModelLibrary) -> None:
    assert await names(models, "checkpoints") == [(".hidden.safetensors", 0), ("b.safetensors", 0), ("sd/a.CKPT", 0)]
    assert await names(models, "text_encoders") == [("both.safetensors", 0), ("old.safetensors", 1)]
    assert await names(models, "ipadapter") == [("x.bin", 0)]
    assert await names(models, "vae") == []


async def test_pages_follow_one_another(models: ModelLibrary) -> None:
    first = await models.list("checkpoints", page_size=2)
    second = await models.list("checkpoints", page_size=2, page_token=first.next_page_token)
    assert [model.name for model in (*first.models, *second.models)] == [
        ".hidden.safetensors",
        "b.safetensors",
        "sd/a.CKPT",
    ]
    assert second.next_page_token == ""
    with pytest.raises(InvalidArgument, match="never given"):
        await models.list("checkpoints", page_token="?")


@pytest.mark.parametrize("folder", ["", "a/b", "..", ".hidden", "\0"])
async def test_what_is_no_folder_is_refused(models: ModelLibrary, folder: str) -> None:
    with pytest.raises(InvalidArgument):
        await models.list(folder)


async def test_a_model_is_described_with_its_digest_on_demand(models: ModelLibrary) -> None:
    content = FILES["checkpoints/b.safetensors"]
    described = await models.get("checkpoints", "b.safetensors", digest=True)
    assert (described.info.size, described.info.blake3) == (len(content), blake3(content).hexdigest())
    again = await models.get("checkpoints", "b.safetensors")
    assert again.info.blake3 == described.info.blake3


async def test_of_equal_names_the_one_in_the_first_directory_counts(models: ModelLibrary) -> None:
    found = await models.get("text_encoders", "both.safetensors", digest=True)
    assert found.info.blake3 == blake3(b"new").hexdigest()
    other = await models.get("text_encoders", "both.safetensors", directory_index=1, digest=True)
    assert other.info.blake3 == blake3(b"old").hexdigest()


@pytest.mark.parametrize("name", ["../clip/old.safetensors", "/etc/passwd", "a/../../loras/x", "", "a\0b"])
async def test_a_name_that_leaves_its_folder_is_refused(models: ModelLibrary, name: str) -> None:
    for asked in (models.get("text_encoders", name), models.metadata("text_encoders", name)):
        with pytest.raises((InvalidArgument, NotFound)):
            await asked


async def test_the_metadata_is_that_of_the_header(models: ModelLibrary) -> None:
    read = await models.metadata("checkpoints", "b.safetensors")
    assert (dict(read.texts), dict(read.tensors)) == ({"title": "B"}, {})
    assert (read.tensor_count, read.parameter_count, dict(read.dtypes)) == (1, 2, {"F32": 1})
    full = await models.metadata("checkpoints", "b.safetensors", tensors=True)
    assert (full.tensors["a"].shape, full.tensors["a"].data_offsets) == ((2,), (0, 8))


async def test_what_is_wrong_with_a_file_is_said(models: ModelLibrary) -> None:
    with pytest.raises(FailedPrecondition, match=r"sd/a\.CKPT is not a safetensors file: it has only 7 bytes"):
        await models.metadata("checkpoints", "sd/a.CKPT")
    with pytest.raises(NotFound):
        await models.metadata("checkpoints", "c.safetensors")


async def test_the_picture_beside_a_model_is_found(models: ModelLibrary) -> None:
    picture = await models.picture("checkpoints", "b.safetensors")
    assert picture.name.path == "checkpoints/b.preview.png"
    with pytest.raises(NotFound):
        await models.picture("checkpoints", "sd/a.CKPT", directory_index=0)


async def test_the_inventory_is_told_once(models: ModelLibrary) -> None:
    inventory = await models.inventory()
    assert inventory is not None
    assert {folder: list(names) for folder, names in inventory.names.items()} == {
        "checkpoints": ["b.safetensors", "sd/a.CKPT"],
        "text_encoders": ["both.safetensors", "old.safetensors"],
        "ipadapter": ["x.bin"],
    }
    assert await models.inventory(inventory.version) is None
    assert await models.inventory(json.dumps("other")) == inventory
