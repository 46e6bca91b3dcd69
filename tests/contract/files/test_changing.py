"""What every file store does when a file is replaced by those who read it before."""

from __future__ import annotations

import asyncio

import pytest
from blake3 import blake3

from services.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from services.files.records import FileName, OnConflict
from services.files.stores.base import FileStore
from tests.contract.files.operations import get, output, put

NAME = output("folder/document")


def digest(content: bytes) -> str:
    return blake3(content).hexdigest()


async def test_a_file_is_replaced_while_it_is_what_was_read(store: FileStore) -> None:
    await put(store, NAME, b"first")
    written = await put(store, NAME, b"second", OnConflict.OVERWRITE, replaced_blake3=digest(b"first"))
    assert written.blake3 == digest(b"second")
    assert await get(store, NAME) == b"second"


async def test_a_file_that_changed_meanwhile_is_left_as_it_is(store: FileStore) -> None:
    await put(store, NAME, b"first")
    await put(store, NAME, b"other", OnConflict.OVERWRITE)
    with pytest.raises(Aborted, match="document has changed"):
        await put(store, NAME, b"second", OnConflict.OVERWRITE, replaced_blake3=digest(b"first"))
    assert await get(store, NAME) == b"other"


async def test_a_file_that_is_gone_is_not_replaced(store: FileStore) -> None:
    with pytest.raises(Aborted):
        await put(store, NAME, b"second", OnConflict.OVERWRITE, replaced_blake3=digest(b"first"))
    with pytest.raises(NotFound):
        await store.stat(NAME)


@pytest.mark.parametrize("policy", [OnConflict.FAIL, OnConflict.RENAME, OnConflict.NUMBER])
async def test_a_digest_to_replace_goes_with_replacing(store: FileStore, policy: OnConflict) -> None:
    with pytest.raises(InvalidArgument, match="OVERWRITE only"):
        await put(store, NAME, b"second", policy, replaced_blake3=digest(b"first"))


async def test_a_digest_to_replace_is_one(store: FileStore) -> None:
    with pytest.raises(InvalidArgument, match="64 characters"):
        await put(store, NAME, b"second", OnConflict.OVERWRITE, replaced_blake3="first")


async def append(store: FileStore, name: FileName, line: bytes) -> None:
    while True:
        try:
            before = await get(store, name)
        except NotFound:
            before = b""
        policy = OnConflict.OVERWRITE if before else OnConflict.FAIL
        expected = {"replaced_blake3": digest(before)} if before else {}
        try:
            await put(store, name, before + line, policy, **expected)
        except (Aborted, AlreadyExists):
            continue
        return


async def test_of_many_who_change_a_file_at_once_nobody_loses_a_change(store: FileStore) -> None:
    lines = [b"%02d\n" % number for number in range(20)]
    await asyncio.gather(*(append(store, NAME, line) for line in lines))
    assert sorted((await get(store, NAME)).splitlines(keepends=True)) == lines
