"""The models of every store: in memory, on disk, in a bucket before folders on disk, and behind gRPC."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from services.files import names
from services.files.client import FileClient
from services.files.models.library import ModelLibrary
from services.files.models.stored import StoredModels
from services.files.records import FileKind
from services.files.servicer import file_servicer
from services.files.stores.disk import DiskStore
from services.files.stores.memory import MemoryStore
from services.files.stores.names.sqlite import SqliteNames
from services.files.stores.s3 import bucket
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.store import S3Store
from services.files.stores.with_local_models import WithLocalModels
from services.rpc.server import serve
from tests.object_servers import ObjectServer
from tests.object_servers import moto as moto


def safetensors(tensors: Mapping[str, Any] | None = None, metadata: Mapping[str, str] | None = None) -> bytes:
    """A file of one float32 tensor, or of these entries, with a number for each byte that they need."""
    one = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    entries: dict[str, Any] = one if tensors is None else dict(tensors)
    length = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    head = json.dumps(entries | ({"__metadata__": metadata} if metadata is not None else {})).encode()
    return len(head).to_bytes(8, "little") + head + bytes(length)


FILES = {
    "checkpoints/b.safetensors": safetensors(metadata={"title": "B"}),
    "checkpoints/sd/a.CKPT": b"weights",
    "checkpoints/notes.txt": b"notes",
    "checkpoints/.hidden.safetensors": safetensors(),
    "checkpoints/b.preview.png": b"picture",
    "text_encoders/both.safetensors": b"new",
    "clip/both.safetensors": b"old",
    "clip/old.safetensors": b"older",
    "ipadapter/x.bin": b"x",
}


async def memory(stack: AsyncExitStack, folder: Path, request: pytest.FixtureRequest) -> ModelLibrary:
    files = {names.parse_path(FileKind.MODELS, path): content for path, content in FILES.items()}
    return StoredModels(await stack.enter_async_context(MemoryStore(files)))


async def disk(stack: AsyncExitStack, folder: Path, request: pytest.FixtureRequest) -> StoredModels:
    return StoredModels(await stack.enter_async_context(on_disk(folder)))


async def bucket_and_disk(stack: AsyncExitStack, folder: Path, request: pytest.FixtureRequest) -> ModelLibrary:
    server: ObjectServer = request.getfixturevalue("moto")
    names_in = SqliteNames(folder / "data" / "names.sqlite3")
    files = S3Store(Bucket(server.location()), names_in)
    return StoredModels(await stack.enter_async_context(WithLocalModels(files, on_disk(folder))))


async def remote(stack: AsyncExitStack, folder: Path, request: pytest.FixtureRequest) -> ModelLibrary:
    stored = await disk(stack, folder, request)
    server = await stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(stored.store, stored)]))
    return (await stack.enter_async_context(FileClient(server.address))).models


def on_disk(folder: Path) -> DiskStore:
    for path, content in FILES.items():
        file = folder / "models" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return DiskStore(folder / "data", (folder / "models",))


BUILD: dict[str, Callable[[AsyncExitStack, Path, pytest.FixtureRequest], Awaitable[ModelLibrary]]] = {
    "memory": memory,
    "disk": disk,
    "bucket_and_disk": bucket_and_disk,
    "remote": remote,
}


@pytest.fixture(params=BUILD)
async def models(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ModelLibrary]:
    # Interpreters that end are what the wait is for.
    monkeypatch.setattr(bucket, "DRAIN", 0.0)
    async with AsyncExitStack() as stack:
        yield await BUILD[request.param](stack, tmp_path, request)
