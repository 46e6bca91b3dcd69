"""What a client adds to the contract of a store: a service that is not there, or goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.errors import AlreadyExists, Unavailable
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.client import FileClient
from services.files.records import FileKind, FileName, OnConflict
from services.files.servicer import file_servicer
from services.files.stores.disk import DiskStore
from services.rpc.server import serve

NAME = FileName(FileKind.OUTPUT, "", "a")


async def test_a_service_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async with FileClient(f"unix:{tmp_path}/nobody") as client:
        with pytest.raises(Unavailable):
            await client.stat(NAME)
        with pytest.raises(Unavailable):
            await client.write(NAME, one_chunk(b""), OnConflict.FAIL)
        with pytest.raises(Unavailable):
            async with client.open(NAME):
                pass


async def test_a_refused_file_is_not_sent_to_the_end(tmp_path: Path) -> None:
    sent: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(10_000):
            sent.append(number)
            yield bytes(CHUNK_BYTES)

    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(DiskStore(tmp_path))
        server = await stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(store)]))
        client = await stack.enter_async_context(FileClient(server.address))
        await client.write(NAME, one_chunk(b"first"), OnConflict.FAIL)
        with pytest.raises(AlreadyExists, match="output/a exists"):
            await client.write(NAME, chunks(), OnConflict.FAIL)
    assert len(sent) < 1_000
