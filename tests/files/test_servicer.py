"""The protocol of the file service, spoken by clients that break it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.files import seen_here
from services.files.chunks import CHUNK_BYTES, MAX_CHUNK_BYTES, one_chunk
from services.files.client import FileClient
from services.files.records import FileKind, FileName, OnConflict
from services.files.servicer import file_servicer
from services.files.stores.disk import DiskStore
from services.files.stores.memory import MemoryStore
from services.rpc.channel import open_channel
from services.rpc.server import serve
from silverprint.files.v1 import files_pb2 as pb
from silverprint.files.v1 import files_pb2_grpc

NAME = pb.FileName(kind=pb.FILE_KIND_OUTPUT, filename="a")
HEADER = pb.WriteRequest(header=pb.WriteHeader(name=NAME, on_conflict=pb.ON_CONFLICT_OVERWRITE))
DATA = pb.WriteRequest(data=b"data")
COMMIT = pb.WriteRequest(commit=pb.WriteCommit(size_bytes=4))

#: Rounds of the races: a cut connection looks like the end of the messages in about every third of them.
CUTS = 40


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    async with DiskStore(tmp_path) as store, serve("127.0.0.1:0", [file_servicer(store)]) as server:
        yield server.address


@pytest.fixture
async def stub(address: str) -> AsyncIterator[Any]:
    async with open_channel(address) as channel:
        yield files_pb2_grpc.FileServiceStub(channel)


def visible(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.parent != folder]


async def eventually_empty(folder: Path) -> None:
    for _ in range(500):
        if not list(folder.iterdir()):  # noqa: ASYNC240
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{folder} is not emptied")


async def test_a_write_is_header_data_commit(stub: Any) -> None:
    written = await stub.Write(iter([HEADER, DATA, COMMIT]))
    assert written.file.digest.size_bytes == 4
    assert written.file.name == NAME


@pytest.mark.parametrize(
    ("requests", "code"),
    [
        ([], grpc.StatusCode.INVALID_ARGUMENT),
        ([pb.WriteRequest()], grpc.StatusCode.INVALID_ARGUMENT),
        ([DATA, COMMIT], grpc.StatusCode.INVALID_ARGUMENT),
        ([COMMIT], grpc.StatusCode.INVALID_ARGUMENT),
        ([HEADER, HEADER, DATA, COMMIT], grpc.StatusCode.INVALID_ARGUMENT),
        ([HEADER, DATA, HEADER], grpc.StatusCode.INVALID_ARGUMENT),
        ([HEADER, DATA, pb.WriteRequest()], grpc.StatusCode.INVALID_ARGUMENT),
        ([HEADER, pb.WriteRequest(data=bytes(MAX_CHUNK_BYTES + 1)), COMMIT], grpc.StatusCode.INVALID_ARGUMENT),
        ([HEADER], grpc.StatusCode.DATA_LOSS),
        ([HEADER, DATA], grpc.StatusCode.DATA_LOSS),
        ([HEADER, DATA, DATA, COMMIT], grpc.StatusCode.DATA_LOSS),
        ([HEADER, COMMIT], grpc.StatusCode.DATA_LOSS),
        ([pb.WriteRequest(header=pb.WriteHeader()), COMMIT], grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_a_write_that_breaks_the_protocol_leaves_nothing(
    stub: Any, tmp_path: Path, requests: list[pb.WriteRequest], code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.Write(iter(requests))
    assert error.value.code() == code
    assert error.value.details()
    await eventually_empty(tmp_path / ".incoming")
    assert visible(tmp_path / "output") == list((tmp_path / "output").iterdir()) == []


async def test_a_chunk_of_the_longest_length_is_taken(stub: Any) -> None:
    requests = [HEADER, pb.WriteRequest(data=bytes(MAX_CHUNK_BYTES))]
    written = await stub.Write(iter([*requests, pb.WriteRequest(commit=pb.WriteCommit(size_bytes=MAX_CHUNK_BYTES))]))
    assert written.file.digest.size_bytes == MAX_CHUNK_BYTES


async def test_a_small_file_is_stored_by_one_message(stub: Any, tmp_path: Path) -> None:
    put = await stub.Put(pb.PutRequest(header=HEADER.header, data=b"data"))
    assert (put.file.name, put.file.digest.size_bytes) == (NAME, 4)
    assert (tmp_path / "output" / "a").read_bytes() == b"data"


@pytest.mark.parametrize(
    "request_",
    [
        pb.PutRequest(data=b"data"),
        pb.PutRequest(header=pb.WriteHeader(), data=b"data"),
        pb.PutRequest(header=HEADER.header, data=bytes(MAX_CHUNK_BYTES + 1)),
    ],
)
async def test_a_put_without_a_name_or_too_long_is_refused(stub: Any, tmp_path: Path, request_: pb.PutRequest) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.Put(request_)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert not list((tmp_path / "output").iterdir())


@pytest.mark.parametrize("request_", [pb.ReadRequest(), pb.ReadRequest(blake3="x"), pb.ReadRequest(name=pb.FileName())])
async def test_a_read_without_a_source_is_refused(stub: Any, request_: pb.ReadRequest) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.Read(request_).read()
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_listing_without_a_kind_is_refused(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.List(pb.ListRequest())
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("chunks", [0, 1, 7])
async def test_an_upload_whose_connection_is_cut_is_not_kept(chunks: int) -> None:
    # In memory, since a store that keeps a content the moment it ends leaves a late cancellation no time to prevent it.
    async with MemoryStore() as store, serve("127.0.0.1:0", [file_servicer(store)]) as server:
        for cut in range(CUTS):
            channel = open_channel(server.address)
            call: Any = files_pb2_grpc.FileServiceStub(channel).Write()
            await call.write(HEADER)
            for _ in range(chunks):
                await call.write(pb.WriteRequest(data=bytes(100_000)))
            if cut % 2:
                call.cancel()
            await channel.close()
        await asyncio.sleep(0.1)
        assert await store.list(FileKind.OUTPUT) == ([], "")


UPLOADER = """
import asyncio, sys
from services.files.client import FileClient
from services.files.records import FileKind, FileName, OnConflict

async def chunks():
    while True:
        yield bytes(1 << 19)
        print("sent", flush=True)

async def main():
    async with FileClient(sys.argv[1]) as client:
        await client.write(FileName(FileKind.OUTPUT, "", "film"), chunks(), OnConflict.FAIL)

asyncio.run(main())
"""


async def test_an_upload_whose_sender_is_killed_leaves_nothing(address: str, tmp_path: Path) -> None:
    for sent in (1, 5, 20):
        uploader = await asyncio.create_subprocess_exec(
            sys.executable, "-c", UPLOADER, address, stdout=asyncio.subprocess.PIPE
        )
        assert uploader.stdout
        for _ in range(sent):
            assert await uploader.stdout.readline() == b"sent\n"
        uploader.kill()
        await uploader.communicate()
        await eventually_empty(tmp_path / ".incoming")
        assert list((tmp_path / "output").iterdir()) == []


async def test_a_reader_that_stops_reading_holds_no_memory_and_blocks_nobody(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_here, "WORTHWHILE", 1 << 60)
    (tmp_path / "output" / "film").write_bytes(bytes(200 * CHUNK_BYTES))
    film = FileName(FileKind.OUTPUT, "", "film")
    async with FileClient(address) as slow, FileClient(address) as quick, slow.open(film) as file:
        await anext(aiter(file))
        async with quick.open(film) as whole:
            assert len(await whole.read()) == 200 * CHUNK_BYTES
        await quick.write(FileName(FileKind.OUTPUT, "", "a"), one_chunk(b""), OnConflict.FAIL)
        rest = await file.read()
    assert len(rest) == 199 * CHUNK_BYTES


def held_open(path: Path) -> int:
    """How often this process holds a file open."""
    return [Path(fd.path).resolve() for fd in os.scandir("/proc/self/fd") if os.path.exists(fd.path)].count(path)


READER = """
import asyncio, sys
from services.files import seen_here
from services.files.client import FileClient
from services.files.records import FileKind, FileName

async def main():
    seen_here.WORTHWHILE = 1 << 60
    async with FileClient(sys.argv[1]) as client, client.open(FileName(FileKind.OUTPUT, "", "film")) as file:
        await anext(aiter(file))
        print("stopped", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux tells what is open")
async def test_a_reader_that_stops_reading_and_dies_is_let_go(address: str, tmp_path: Path) -> None:
    path = tmp_path / "output" / "film"
    path.write_bytes(bytes(200 * CHUNK_BYTES))
    reader = await asyncio.create_subprocess_exec(sys.executable, "-c", READER, address, stdout=asyncio.subprocess.PIPE)
    assert reader.stdout
    assert await reader.stdout.readline() == b"stopped\n"
    assert held_open(path) == 1
    reader.kill()
    await reader.communicate()
    for _ in range(500):
        if not held_open(path):
            break
        await asyncio.sleep(0.01)
    assert held_open(path) == 0
