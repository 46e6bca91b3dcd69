"""Models on disk, beyond what every store does."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.errors import FailedPrecondition, NotFound, ResourceExhausted
from services.files.chunks import one_chunk
from services.files.models.metadata import MAX_BYTES
from services.files.models.stored import StoredModels
from services.files.names import INCOMING
from services.files.records import FileKind
from services.files.stores.disk import DiskStore
from tests.contract.models.conftest import safetensors


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DiskStore]:
    async with DiskStore(tmp_path / "data", (tmp_path / "models", tmp_path / "more")) as store:
        yield store


async def test_an_upload_goes_to_the_first_folder_of_models(store: DiskStore, tmp_path: Path) -> None:
    await StoredModels(store).upload("loras", "sub/x.safetensors", one_chunk(safetensors()))
    assert (tmp_path / "models/loras/sub/x.safetensors").read_bytes() == safetensors()
    assert os.listdir(tmp_path / "models/loras" / INCOMING) == []


async def test_nothing_is_seen_of_an_upload_before_it_is_whole(store: DiskStore, tmp_path: Path) -> None:
    models = StoredModels(store)
    content = safetensors({"a": {"dtype": "U8", "shape": [2 << 20], "data_offsets": [0, 2 << 20]}})
    begun, come = asyncio.Event(), asyncio.Event()

    async def halves() -> AsyncIterator[bytes]:
        yield content[: 1 << 20]
        begun.set()
        await come.wait()
        yield content[1 << 20 :]

    uploading = asyncio.create_task(models.upload("loras", "x.safetensors", halves()))
    async with asyncio.timeout(20):
        await begun.wait()
    assert (await models.list("loras")).models == []
    assert (await store.list(FileKind.MODELS, recursive=True))[0] == []
    with pytest.raises(NotFound):
        await models.get("loras", "x.safetensors")
    come.set()
    assert (await uploading).info.size == len(content)


async def test_what_a_crash_left_is_swept_away_a_day_later(store: DiskStore, tmp_path: Path) -> None:
    incoming = tmp_path / "models/loras" / INCOMING
    incoming.mkdir(parents=True)
    for name, age in (("old", 25), ("new", 23)):
        (incoming / name).touch()
        os.utime(incoming / name, (time.time() - age * 3600,) * 2)
    await StoredModels(store).upload("loras", "x.safetensors", one_chunk(safetensors()))
    assert os.listdir(incoming) == ["new"]


async def test_pickled_files_are_taken_where_they_are_allowed(store: DiskStore) -> None:
    stored = await StoredModels(store, allow_pickles=True).upload("checkpoints", "x.ckpt", one_chunk(b"pickled"))
    assert stored.info.size == 7


async def test_without_a_folder_of_models_none_are_taken(tmp_path: Path) -> None:
    async with DiskStore(tmp_path / "data") as store:
        with pytest.raises(FailedPrecondition, match="no folder of models"):
            await StoredModels(store).upload("loras", "x.safetensors", one_chunk(safetensors()))


async def test_a_file_that_was_replaced_is_read_anew(store: DiskStore, tmp_path: Path) -> None:
    models, file = StoredModels(store), tmp_path / "models/loras/x.safetensors"
    file.parent.mkdir(parents=True)
    for title in ("first", "second"):
        file.write_bytes(safetensors(metadata={"title": title}))
        assert (await models.metadata("loras", "x.safetensors")).texts == {"title": title}
        assert (await models.metadata("loras", "x.safetensors")).texts == {"title": title}


async def test_a_header_that_is_too_long_is_not_read(store: DiskStore, tmp_path: Path) -> None:
    file = tmp_path / "models/loras/x.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes((MAX_BYTES + 1).to_bytes(8, "little"))
    os.truncate(file, 1 << 30)
    with pytest.raises(ResourceExhausted, match="more than the"):
        await StoredModels(store).metadata("loras", "x.safetensors")


async def test_a_file_is_located_for_those_who_see_it(store: DiskStore, tmp_path: Path) -> None:
    await StoredModels(store).upload("loras", "x.safetensors", one_chunk(safetensors()))
    model = await StoredModels(store).get("loras", "x.safetensors")
    location = await store.locate(model.info.name)
    assert location is not None
    path = tmp_path / "models/loras/x.safetensors"
    assert location.seen_from_here() == path
    path.write_bytes(b"changed")
    assert location.seen_from_here() is None
