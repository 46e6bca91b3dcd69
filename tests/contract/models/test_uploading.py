"""What may be brought to the models of every store."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator

import pytest
from blake3 import blake3

from services.errors import AlreadyExists, DataLoss, FailedPrecondition, InvalidArgument, NotFound
from services.files import names
from services.files.chunks import one_chunk
from services.files.models.library import ModelLibrary
from services.files.records import FileName, OnConflict
from tests.contract.models.conftest import FILES, safetensors

GOOD = safetensors(metadata={"title": "new"})
BIG = safetensors({"a": {"dtype": "U8", "shape": [3 << 20], "data_offsets": [0, 3 << 20]}})


async def in_bytes(content: bytes) -> AsyncIterator[bytes]:
    for position in range(len(content)):
        yield content[position : position + 1]


async def test_a_model_that_was_brought_is_a_model_like_others(models: ModelLibrary) -> None:
    for name, content in (("new.safetensors", GOOD), ("sub/dir/big.safetensors", BIG)):
        stored = await models.upload("loras", name, one_chunk(content), expected_size=len(content))
        assert (stored.name, stored.info.size, stored.info.blake3) == (name, len(content), blake3(content).hexdigest())
    assert [model.name for model in (await models.list("loras")).models] == [
        "new.safetensors",
        "sub/dir/big.safetensors",
    ]
    assert (await models.metadata("loras", "new.safetensors")).texts == {"title": "new"}


async def test_a_content_that_comes_byte_by_byte_is_looked_at_too(models: ModelLibrary) -> None:
    assert (await models.upload("vae", "new.safetensors", in_bytes(GOOD))).info.size == len(GOOD)


async def test_a_taken_name_is_kept_unless_it_is_to_be_replaced(models: ModelLibrary) -> None:
    for folder, name in (("checkpoints", "b.safetensors"), ("text_encoders", "old.safetensors")):
        with pytest.raises(AlreadyExists):
            await models.upload(folder, name, one_chunk(GOOD))
    replaced = await models.upload("checkpoints", "b.safetensors", one_chunk(GOOD), OnConflict.OVERWRITE)
    assert replaced.info.blake3 == blake3(GOOD).hexdigest()
    assert (await models.metadata("checkpoints", "b.safetensors")).texts == {"title": "new"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "only 0 bytes"),
        (b"12345", "only 5 bytes"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (pickle.dumps({"a": 1}, 2) + bytes(100), "pickled"),
        ((2**63).to_bytes(8, "little") + b"{}", "claims a header"),
        ((17 << 20).to_bytes(8, "little") + b"{}", "claims a header"),
        ((100).to_bytes(8, "little") + b"{}", "truncated"),
        ((2).to_bytes(8, "little") + b"[]", "not a JSON object"),
        (GOOD[:-1], "last 1 bytes are missing"),
        (GOOD + b"x", "something follows its tensors"),
        (safetensors({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}), "do not fit"),
        (safetensors({"a": {"dtype": "X", "shape": [3], "data_offsets": [0, 8]}}), "unknown type"),
        (safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}), "begins at byte 8"),
    ],
)
async def test_what_is_no_model_leaves_nothing_behind(models: ModelLibrary, content: bytes, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        await models.upload("loras", "bad.safetensors", one_chunk(content))
    with pytest.raises(NotFound):
        await models.get("loras", "bad.safetensors")


@pytest.mark.parametrize("extension", ["ckpt", "pt", "PTH", "bin", "pkl", "pt2"])
async def test_a_pickled_file_is_refused(models: ModelLibrary, extension: str) -> None:
    with pytest.raises(FailedPrecondition, match="can hold code.*--allow-pickles"):
        await models.upload("checkpoints", f"x.{extension}", one_chunk(b"x"))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("checkpoints", "x.exe"),
        ("checkpoints", "x"),
        ("checkpoints", "../x.safetensors"),
        ("checkpoints", "/x.safetensors"),
        ("checkpoints", ".incoming/x.safetensors"),
        ("..", "x.safetensors"),
        ("", "x.safetensors"),
    ],
)
async def test_what_is_no_name_of_a_model_is_refused(models: ModelLibrary, folder: str, name: str) -> None:
    with pytest.raises(InvalidArgument):
        await models.upload(folder, name, one_chunk(GOOD))


async def test_what_was_promised_is_verified(models: ModelLibrary) -> None:
    for promise in ({"expected_blake3": blake3(b"other").hexdigest()}, {"expected_size": len(GOOD) + 1}):
        with pytest.raises(DataLoss):
            await models.upload("loras", "bad.safetensors", one_chunk(GOOD), **promise)
    assert (await models.list("loras")).models == []
    assert len((await models.list("checkpoints")).models) == len([path for path in FILES if "checkpoints" in path]) - 2


async def test_a_content_that_is_here_becomes_a_model(models: ModelLibrary) -> None:
    await models.upload("loras", "one.safetensors", one_chunk(GOOD))
    source = names.file_name("models/loras/one.safetensors")
    origins: tuple[FileName | str, ...] = (source, _digest(GOOD))
    for number, origin in enumerate(origins):
        taken = await models.take(origin, "vae", f"sub/{number}.safetensors")
        assert (taken.folder, taken.name, taken.info.blake3) == ("vae", f"sub/{number}.safetensors", _digest(GOOD))
    with pytest.raises(AlreadyExists):
        await models.take(source, "vae", "sub/0.safetensors")
    await models.take(source, "vae", "sub/0.safetensors", OnConflict.OVERWRITE)


async def test_a_content_that_is_no_model_becomes_none(models: ModelLibrary) -> None:
    notes = names.file_name("models/checkpoints/notes.txt")
    with pytest.raises(InvalidArgument, match="only 5 bytes"):
        await models.take(notes, "checkpoints", "notes.safetensors")
    with pytest.raises(FailedPrecondition, match="can hold code"):
        await models.take(notes, "checkpoints", "notes.ckpt")
    nowhere: tuple[FileName | str, ...] = (names.file_name("input/nope"), _digest(b"nope"))
    for missing in nowhere:
        with pytest.raises(NotFound):
            await models.take(missing, "checkpoints", "x.safetensors")


def _digest(content: bytes) -> str:
    return blake3(content).hexdigest()
