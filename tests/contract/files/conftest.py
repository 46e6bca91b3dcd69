"""Every file store: in memory, on disk, in buckets of S3 servers with names in databases, and behind gRPC."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import asyncpg
import pytest

from services.files.client import FileClient
from services.files.servicer import file_servicer
from services.files.stores.base import FileStore
from services.files.stores.disk import DiskStore
from services.files.stores.keeping import KeepingStore
from services.files.stores.memory import MemoryStore
from services.files.stores.names.postgres import PostgresNames
from services.files.stores.names.sqlite import SqliteNames
from services.files.stores.names.store import Names
from services.files.stores.s3 import bucket
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.store import S3Store
from services.files.stores.with_local_models import WithLocalModels
from services.rpc.server import serve
from tests.contract.files.operations import MODEL, WEIGHTS
from tests.object_servers import ObjectServer
from tests.object_servers import moto as moto
from tests.object_servers import seaweed as seaweed
from tests.postgres import PostgresServer


class Ground:
    """What a store of one test is built on; servers are started when they are asked for."""

    def __init__(self, stack: AsyncExitStack, folder: Path, request: pytest.FixtureRequest) -> None:
        self.stack = stack
        self.folder = folder
        #: seconds that collections of garbage believe to have passed
        self.passed = 0.0
        self._request = request

    def clock(self) -> float:
        return time.time() + self.passed

    def server(self, name: str) -> ObjectServer:
        server: ObjectServer = self._request.getfixturevalue(name)
        return server

    def postgres(self) -> PostgresServer:
        server: PostgresServer = self._request.getfixturevalue("postgres")
        return server


async def memory(ground: Ground) -> KeepingStore:
    return await ground.stack.enter_async_context(MemoryStore({MODEL: WEIGHTS}))


async def disk(ground: Ground) -> KeepingStore:
    return await ground.stack.enter_async_context(on_disk(ground))


async def moto_sqlite(ground: Ground) -> KeepingStore:
    return await in_bucket(ground, "moto", SqliteNames(ground.folder / "data" / "names.sqlite3"))


async def remote_space(ground: Ground) -> FileStore:
    return (await behind_grpc(ground, await disk(ground))).within("ann")


async def seaweed_postgres(ground: Ground) -> KeepingStore:
    return await in_bucket(ground, "seaweed", PostgresNames(await emptied(ground.postgres())))


async def remote_seaweed_postgres(ground: Ground) -> FileStore:
    return await behind_grpc(ground, await seaweed_postgres(ground))


async def in_bucket(ground: Ground, server: str, names: Names) -> KeepingStore:
    files = S3Store(Bucket(ground.server(server).location()), names, clock=ground.clock)
    return await ground.stack.enter_async_context(WithLocalModels(files, on_disk(ground)))


async def behind_grpc(ground: Ground, store: FileStore) -> FileClient:
    server = await ground.stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(store)]))
    return await ground.stack.enter_async_context(FileClient(server.address))


async def emptied(server: PostgresServer) -> str:
    """The URL of a database without names: one for all tests, since making one takes longer than a test."""
    try:
        await server.execute("CREATE DATABASE names")
    except asyncpg.DuplicateDatabaseError:
        tables = "file_names, file_blobs, file_counters, file_owners, file_uploads, file_store"
        with suppress(asyncpg.UndefinedTableError):
            await server.execute(f"TRUNCATE {tables}", "names")
    return server.url("names")


def on_disk(ground: Ground) -> DiskStore:
    folder = ground.folder
    model = folder / "models" / MODEL.path
    model.parent.mkdir(parents=True)
    model.write_bytes(WEIGHTS)
    return DiskStore(folder / "data", (folder / "models",), clock=ground.clock)


BUILD: dict[str, Callable[[Ground], Awaitable[FileStore]]] = {
    "memory": memory,
    "disk": disk,
    "moto_sqlite": moto_sqlite,
    "remote_space": remote_space,
    "remote_seaweed_postgres": remote_seaweed_postgres,
}


KEEPING: dict[str, Callable[[Ground], Awaitable[KeepingStore]]] = {
    "memory": memory,
    "disk": disk,
    "moto_sqlite": moto_sqlite,
    "seaweed_postgres": seaweed_postgres,
}


@pytest.fixture
async def ground(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ground]:
    # Interpreters that end are what the wait is for.
    monkeypatch.setattr(bucket, "DRAIN", 0.0)
    async with AsyncExitStack() as stack:
        yield Ground(stack, tmp_path, request)


@pytest.fixture(params=KEEPING)
async def keeping(request: pytest.FixtureRequest, ground: Ground) -> KeepingStore:
    """A store that keeps files itself."""
    return await KEEPING[request.param](ground)


@pytest.fixture(params=BUILD)
async def store(request: pytest.FixtureRequest, ground: Ground) -> FileStore:
    return await BUILD[request.param](ground)
