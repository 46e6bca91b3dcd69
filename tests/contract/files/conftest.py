"""Every file store: in memory, on disk, and behind gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.files.client import FileClient
from services.files.servicer import file_servicer
from services.files.stores.base import FileStore
from services.files.stores.disk import DiskStore
from services.files.stores.memory import MemoryStore
from services.rpc.server import serve
from tests.contract.files.operations import MODEL, WEIGHTS


async def memory(stack: AsyncExitStack, folder: Path) -> FileStore:
    return await stack.enter_async_context(MemoryStore({MODEL: WEIGHTS}))


async def disk(stack: AsyncExitStack, folder: Path) -> FileStore:
    model = folder / "models" / MODEL.path
    model.parent.mkdir(parents=True)
    model.write_bytes(WEIGHTS)
    return await stack.enter_async_context(DiskStore(folder / "data", (folder / "models",)))


async def remote(stack: AsyncExitStack, folder: Path) -> FileStore:
    server = await stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(await disk(stack, folder))]))
    return await stack.enter_async_context(FileClient(server.address))


BUILD: dict[str, Callable[[AsyncExitStack, Path], Awaitable[FileStore]]] = {
    "memory": memory,
    "disk": disk,
    "remote": remote,
}


@pytest.fixture(params=BUILD)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileStore]:
    async with AsyncExitStack() as stack:
        yield await BUILD[request.param](stack, tmp_path)
