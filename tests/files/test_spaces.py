"""The spaces of users: what is in one has no name in another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import AlreadyExists, InvalidArgument, NotFound
from services.files.assets.records import NewAsset
from services.files.assets.stored import StoredAssets
from services.files.assets.stores.sqlite import SqliteAssets
from services.files.client import FileClient
from services.files.names import validate
from services.files.records import FileKind, FileName, OnConflict
from services.files.servicer import file_servicer
from services.files.spaces import KINDS, Space, user_of
from services.files.stores.memory import MemoryStore
from services.rpc.server import serve

CAT = FileName(FileKind.INPUT, "", "cat.png")

PARTS = st.text("abu./\\", max_size=12) | st.sampled_from(["", "users", "users/bob", "..", "../bob", "/users/bob"])


@pytest.fixture
async def everybodys(tmp_path: Path) -> AsyncIterator[FileClient]:
    """A client of a file service with assets."""
    async with (
        MemoryStore() as store,
        StoredAssets(store, SqliteAssets(tmp_path / "assets.sqlite3")) as assets,
        serve("127.0.0.1:0", [file_servicer(store, None, assets)]) as server,
        FileClient(server.address) as client,
    ):
        yield client


@given(st.sampled_from(list(FileKind)), PARTS, PARTS)
def test_a_name_comes_back_and_is_of_nobody_else(kind: FileKind, subfolder: str, filename: str) -> None:
    name = FileName(kind, subfolder, filename)
    placed = Space("ann").placed(name)
    assert Space("ann").shown(placed) == name
    try:
        validate(placed)
    except InvalidArgument:
        return
    if kind in KINDS:
        assert user_of(placed) == "ann"
    else:
        assert placed == name


def test_a_name_says_whose_it_is() -> None:
    assert user_of(CAT) is None
    assert user_of(FileName(FileKind.OUTPUT, "users", "cat.png")) is None
    assert user_of(FileName(FileKind.OUTPUT, "users/ann/x", "cat.png")) == "ann"
    assert user_of(FileName(FileKind.USERDATA, "ann/x", "a.json")) == "ann"
    assert user_of(FileName(FileKind.MODELS, "users/ann", "a.safetensors")) is None


async def test_the_same_name_is_another_file_in_another_space(everybodys: FileClient) -> None:
    ann, bob = everybodys.within("ann"), everybodys.within("bob")
    for client, content in ((everybodys, b"all"), (ann, b"ann"), (bob, b"bob")):
        assert (await client.put(CAT, content, OnConflict.FAIL)).name == CAT
    for client, content in ((everybodys, b"all"), (ann, b"ann"), (bob, b"bob")):
        async with client.open(CAT) as file:
            assert (file.info.name, await file.read()) == (CAT, content)
    await ann.delete(CAT)
    assert [info.name async for info in ann.walk(FileKind.INPUT, recursive=True)] == []
    assert [info.name async for info in bob.walk(FileKind.INPUT, recursive=True)] == [CAT]
    assert await everybodys.list_folders(FileKind.INPUT) == ["users"]


async def test_errors_speak_of_names_within_the_space(everybodys: FileClient) -> None:
    ann = everybodys.within("ann")
    await ann.put(CAT, b"1", OnConflict.FAIL)
    with pytest.raises(AlreadyExists, match="^input/cat.png exists"):
        await ann.put(CAT, b"2", OnConflict.FAIL)
    with pytest.raises(NotFound, match="input/dog.png"):
        await ann.stat(FileName(FileKind.INPUT, "", "dog.png"))


async def test_assets_are_of_contents_of_ones_own(everybodys: FileClient) -> None:
    ann, bob = everybodys.within("ann"), everybodys.within("bob")
    digest = (await ann.put(CAT, b"ann's", OnConflict.FAIL)).blake3 or ""
    asset = (await ann.assets.create(NewAsset(owner="ann", source=CAT))).asset
    assert asset.file == CAT
    assert (await everybodys.assets.get("ann", asset.id)).file == Space("ann").placed(CAT)
    assert not await bob.assets.has_content("bob", digest)
    for source in (CAT, digest):
        with pytest.raises(NotFound):
            await bob.assets.create(NewAsset(owner="bob", source=source))


async def test_a_content_that_others_have_as_well_is_ones_own_by_its_asset(everybodys: FileClient) -> None:
    ann, bob = everybodys.within("ann"), everybodys.within("bob")
    for client in (ann, bob):
        digest = (await client.put(CAT, b"of both", OnConflict.FAIL)).blake3 or ""
    for client, user in ((ann, "ann"), (bob, "bob")):
        await client.assets.create(NewAsset(owner=user, source=CAT))
        assert await client.assets.has_content(user, digest)
        again = await client.assets.create(NewAsset(owner=user, source=digest, reuse=False))
        assert again.asset.file == CAT
