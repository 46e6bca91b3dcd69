"""The executors of a host: real processes that share a cache over a real file service."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from services.files import names
from services.files.records import FileKind, FileName
from services.files.servicer import file_servicer
from services.files.stores.disk import DiskStore
from services.files.stores.memory import MemoryStore
from services.files.stores.open_file import OpenFile
from services.rpc.server import serve

#: Long enough to come in several chunks.
SIZE = 3 << 20

PATIENCE = 60.0

CONTENTS = {f"loras/{letter}.safetensors": letter.encode() * SIZE for letter in "abcd"}


class Counted(MemoryStore):
    """Models in no folder, so that none can be seen where it lies; counts who reads them, and can hold them up."""

    def __init__(self) -> None:
        super().__init__({names.parse_path(FileKind.MODELS, path): content for path, content in CONTENTS.items()})
        self.reads: list[tuple[str, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.half_way = asyncio.Event()

    @asynccontextmanager
    async def open(self, source: FileName | str, *, offset: int = 0, length: int = 0) -> AsyncIterator[OpenFile]:
        async with super().open(source, offset=offset, length=length) as file:
            if isinstance(source, str):
                self.reads.append((file.info.name.filename, offset))
                yield OpenFile(file.info, self._slowly(file))
            else:
                yield file

    async def _slowly(self, file: OpenFile) -> AsyncIterator[bytes]:
        count = 0
        async for chunk in file:
            count += 1
            if count == 3:
                self.half_way.set()
                await self.gate.wait()
            yield chunk


class Executor:
    """A running `fetcher`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, address: str, folder: Path, models: int = 10) -> Executor:
        command = [sys.executable, "-m", "tests.executor.model_cache.fetcher", address, str(folder), str(models * SIZE)]
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))

    def ask(self, name: str) -> None:
        """Begin to fetch a model."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"loras {name}\n".encode())

    async def answer(self) -> str:
        """What came of it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stdout.readline()).decode().strip()

    async def fetch(self, name: str) -> str:
        """Fetch a model."""
        self.ask(name)
        return await self.answer()

    async def kill(self) -> None:
        """End it at once, whatever it does."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


class Host:
    """A file service, and a host of executors."""

    def __init__(self, stack: AsyncExitStack, store: Counted, address: str, folder: Path) -> None:
        self._stack = stack
        self.store = store
        self._address = address
        self.folder = folder

    async def executor(self, models: int = 10) -> Executor:
        """Start one more, whose cache may have so many models."""
        executor = await Executor.start(self._address, self.folder, models)
        self._stack.push_async_callback(executor.kill)
        return executor

    def entries(self) -> set[str]:
        """The models that are here."""
        return {file.name for entry in (self.folder / "models/entries").iterdir() for file in entry.iterdir()}


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Counted())
        server = await stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(store)]))
        yield Host(stack, store, server.address, tmp_path)
        store.gate.set()


def content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


async def test_two_executors_of_a_host_fetch_a_model_once(host: Host) -> None:
    host.store.gate.clear()
    first, second = await host.executor(), await host.executor()
    first.ask("a.safetensors")
    second.ask("a.safetensors")
    await asyncio.wait_for(host.store.half_way.wait(), PATIENCE)
    host.store.gate.set()
    paths = {await first.answer(), await second.answer()}
    assert len(paths) == 1
    assert content(paths.pop()) == CONTENTS["loras/a.safetensors"]
    assert host.store.reads == [("a.safetensors", 0)]


async def test_what_one_executor_had_when_it_was_killed_another_goes_on_with(host: Host) -> None:
    host.store.gate.clear()
    killed, other = await host.executor(), await host.executor()
    killed.ask("a.safetensors")
    await asyncio.wait_for(host.store.half_way.wait(), PATIENCE)
    [part] = (host.folder / "models/incoming").iterdir()
    async with asyncio.timeout(PATIENCE):
        while part.stat().st_size == 0:  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.01)
    await killed.kill()
    assert host.entries() == set()
    host.store.gate.set()
    path = await other.fetch("a.safetensors")
    assert content(path) == CONTENTS["loras/a.safetensors"]
    (_, first), (_, second) = host.store.reads
    assert first == 0 < second


async def test_the_bound_is_kept_and_what_is_in_use_stays(host: Host) -> None:
    user, other = await host.executor(models=2), await host.executor(models=2)
    await user.fetch("a.safetensors")
    await other.fetch("b.safetensors")
    assert (await other.fetch("c.safetensors")).startswith("ResourceExhausted: there is no room for c.safetensors")
    assert host.entries() == {"a.safetensors", "b.safetensors"}
    await user.kill()
    assert content(await other.fetch("c.safetensors")) == CONTENTS["loras/c.safetensors"]
    assert host.entries() == {"b.safetensors", "c.safetensors"}


async def test_a_model_that_is_seen_where_it_lies_is_not_copied(tmp_path: Path) -> None:
    file = tmp_path / "models/loras/a.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    async with (
        DiskStore(tmp_path / "data", (tmp_path / "models",)) as store,
        serve("127.0.0.1:0", [file_servicer(store)]) as server,
    ):
        executor = await Executor.start(server.address, tmp_path / "cache")
        try:
            assert await executor.fetch("a.safetensors") == str(file)
            assert (await executor.fetch("b.safetensors")).startswith("NotFound")
            assert (await executor.fetch("../a.safetensors")).startswith("InvalidArgument")
            assert os.listdir(tmp_path / "cache/models/entries") == []
        finally:
            await executor.kill()
