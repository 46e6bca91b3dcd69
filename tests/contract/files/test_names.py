"""What every file store does with names: refuses those that are none, and keeps all others as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import InvalidArgument
from services.files.chunks import one_chunk
from services.files.records import FileKind, FileName, OnConflict, Target
from services.files.stores.base import FileStore
from tests.contract.files.conftest import BUILD, Ground
from tests.contract.files.operations import get, output, put
from tests.hostile_names import HONEST_PARTS, HOSTILE_PARTS, HOSTILE_SUBFOLDERS, PARTS, SPELLINGS

T = TypeVar("T")

HOSTILE = {
    **{what: FileName(FileKind.OUTPUT, "a", part) for what, part in HOSTILE_PARTS.items()},
    **{f"subfolder, {what}": FileName(FileKind.OUTPUT, it, "a") for what, it in HOSTILE_SUBFOLDERS.items()},
}

#: Everything that takes a name.
OPERATIONS: dict[str, Callable[[FileStore, FileName], Coroutine[Any, Any, Any]]] = {
    "write": lambda store, name: put(store, name, on_conflict=OnConflict.OVERWRITE),
    "rename": lambda store, name: put(store, name, on_conflict=OnConflict.RENAME),
    "begin_upload": lambda store, name: store.begin_upload(Target(name, OnConflict.OVERWRITE)),
    "open": lambda store, name: get(store, name),
    "stat": lambda store, name: store.stat(name, digest=True),
    "delete": lambda store, name: store.delete(name),
    "move from": lambda store, name: store.move(name, output("b"), OnConflict.FAIL),
    "move to": lambda store, name: store.move(output("there"), name, OnConflict.OVERWRITE),
    "copy from": lambda store, name: store.copy(name, output("b"), OnConflict.FAIL),
    "copy to": lambda store, name: store.copy(output("there"), name, OnConflict.OVERWRITE),
}

#: Everything that takes a folder.
FOLDER_OPERATIONS: dict[str, Callable[[FileStore, str], Coroutine[Any, Any, Any]]] = {
    "list": lambda store, subfolder: store.list(FileKind.OUTPUT, subfolder),
    "list_folders": lambda store, subfolder: store.list_folders(FileKind.OUTPUT, subfolder),
    "number": lambda store, subfolder: put(
        store, FileName(FileKind.OUTPUT, subfolder, "p"), on_conflict=OnConflict.NUMBER
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
async def test_nothing_takes_a_hostile_name(
    store: FileStore, operation: Callable[[FileStore, FileName], Coroutine[Any, Any, Any]]
) -> None:
    await put(store, output("there"))
    for what, name in HOSTILE.items():
        with pytest.raises(InvalidArgument):
            await operation(store, name)
            pytest.fail(what)
    files, _ = await store.list(FileKind.OUTPUT, recursive=True)
    assert [file.name for file in files] == [output("there")]


@pytest.mark.parametrize("operation", FOLDER_OPERATIONS.values(), ids=FOLDER_OPERATIONS)
async def test_nothing_takes_a_hostile_folder(
    store: FileStore, operation: Callable[[FileStore, str], Coroutine[Any, Any, Any]]
) -> None:
    for what, subfolder in HOSTILE_SUBFOLDERS.items():
        with pytest.raises(InvalidArgument):
            await operation(store, subfolder)
            pytest.fail(what)


async def test_honest_names_are_kept_as_they_are(store: FileStore) -> None:
    written = {FileName(FileKind.OUTPUT, "folder", part): part.encode() for part in HONEST_PARTS}
    for name, content in written.items():
        assert (await put(store, name, content)).name == name
    files, _ = await store.list(FileKind.OUTPUT, "folder")
    assert [file.name for file in files] == sorted(written, key=lambda name: name.filename)
    for name, content in written.items():
        assert await get(store, name) == content


@pytest.mark.parametrize(("one", "other"), [("é.png", "e\u0301.png"), ("Cat.png", "cat.png"), ("ﬁ", "fi")])
async def test_names_that_look_alike_are_two_files(store: FileStore, one: str, other: str) -> None:
    for filename in (one, other):
        await put(store, output(filename), filename.encode())
        await put(store, output(f"{filename}.d/a"), filename.encode())
    for filename in (one, other):
        assert await get(store, output(filename)) == await get(store, output(f"{filename}.d/a")) == filename.encode()


@pytest.fixture(scope="module", params=BUILD)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Runs what takes a store, with one that lives as long as the module: a fuzz opens none per example."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        folder = tmp_path_factory.mktemp("fuzzed")

        async def build() -> FileStore:
            return await BUILD[request.param](Ground(stack, folder, request))

        store = runner.run(build())
        try:
            yield lambda work: runner.run(work(store))
        finally:
            runner.run(stack.aclose())
        assert {path.name for path in folder.iterdir()} <= {"data", "models"}


async def _kept(store: FileStore, name: FileName) -> None:
    """A name is refused for good, or kept code point for code point."""
    content = repr(name).encode()
    try:
        info = await store.write(name, one_chunk(content), OnConflict.OVERWRITE)
    except InvalidArgument as error:
        # Names meet across examples: "a" may be a folder by now, or a file.
        if "is a file" in error.message or "is a folder" in error.message:
            return
        with pytest.raises(InvalidArgument):
            await store.stat(name)
        return
    assert info.name == name
    assert await get(store, name) == content
    files, _ = await store.list(name.kind, name.subfolder)
    assert name in [file.name for file in files]
    await store.delete(name)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subfolder=st.one_of(st.just(""), SPELLINGS), filename=PARTS)
def test_every_name_is_refused_or_kept_as_it_is(run: Any, subfolder: str, filename: str) -> None:
    run(lambda store: _kept(store, FileName(FileKind.TEMP, subfolder, filename)))
