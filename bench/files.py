"""How fast the file service is, beside what this disk and this machine can do: `python -m bench.files [MIB] [FLAGS]`.

Flags are those of the file service, such as `--store s3://bucket/prefix --s3-endpoint URL`.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import psutil
import uvloop
from blake3 import blake3

from services.command.allocation import keep_freed_memory
from services.files.chunks import CHUNK_BYTES
from services.files.client import FileClient
from services.files.convert import name_to_message
from services.files.records import FileKind, FileName, OnConflict, Target
from services.rpc.channel import open_channel
from silverprint.files.v1 import files_pb2 as pb
from silverprint.files.v1 import files_pb2_grpc

ROUNDS = 5
SMALL_FILES = 1_000
SMALL_BYTES = 20_000
WRITERS = 8

FILM = FileName(FileKind.OUTPUT, "", "film")
CHUNK = os.urandom(CHUNK_BYTES)

Measure = Callable[[], Awaitable[float]]


@asynccontextmanager
async def service(data: Path, flags: Sequence[str] = ()) -> AsyncIterator[tuple[psutil.Process, FileClient]]:
    """A file service in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "services.files", "--listen", "127.0.0.1:0", "--metrics-listen", ""],
        *["--data", str(data), "--models", str(data / "models"), *flags],
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    line = ""
    while "listening on" not in line:
        line = (await process.stderr.readline()).decode()
        assert line, "the service ended without listening"
    address = line.split()[-1]
    try:
        async with FileClient(address) as client:
            yield psutil.Process(process.pid), client
    finally:
        process.terminate()
        await process.communicate()


async def content(chunks: int) -> AsyncIterator[bytes]:
    """A large content."""
    for _ in range(chunks):
        yield CHUNK


def measures(data: Path, client: FileClient, chunks: int) -> dict[str, Measure]:
    """What is measured, each in files or MB per second."""
    megabytes = chunks * CHUNK_BYTES / 1e6
    path = data / "here"

    async def write_here() -> float:
        hash = blake3()
        began = time.perf_counter()
        with path.open("wb", buffering=0) as file:
            for _ in range(chunks):
                file.write(CHUNK)
                hash.update(CHUNK)
            os.fsync(file.fileno())
        return megabytes / (time.perf_counter() - began)

    async def upload() -> float:
        began = time.perf_counter()
        await client.write(FILM, content(chunks), OnConflict.OVERWRITE)
        return megabytes / (time.perf_counter() - began)

    async def read_here() -> float:
        began = time.perf_counter()
        with path.open("rb", buffering=0) as file:
            while file.read(CHUNK_BYTES):
                pass
        return megabytes / (time.perf_counter() - began)

    async def download() -> float:
        request = pb.ReadRequest(name=name_to_message(FILM))
        began = time.perf_counter()
        async with open_channel(client.target) as channel:
            stub: files_pb2_grpc.FileServiceAsyncStub = files_pb2_grpc.FileServiceStub(channel)
            async for _ in stub.Read(request):
                pass
        return megabytes / (time.perf_counter() - began)

    async def read_where_it_lies() -> float:
        began = time.perf_counter()
        async with client.open(FILM) as file:
            async for _ in file:
                pass
        return megabytes / (time.perf_counter() - began)

    async def save_here() -> float:
        began = time.perf_counter()
        for number in range(SMALL_FILES):
            with (data / f"small {number}").open("wb", buffering=0) as file:
                file.write(CHUNK[:SMALL_BYTES])
                os.fsync(file.fileno())
        return SMALL_FILES / (time.perf_counter() - began)

    async def save(kind: FileKind) -> None:
        for _ in range(SMALL_FILES // WRITERS):
            small = FileName(kind, "", "small")
            await client.put(small, CHUNK[:SMALL_BYTES], OnConflict.NUMBER, numbered_extension=".png")

    async def save_all(kind: FileKind) -> float:
        began = time.perf_counter()
        await asyncio.gather(*(save(kind) for _ in range(WRITERS)))
        return SMALL_FILES / (time.perf_counter() - began)

    async def upload_in_parts() -> float:
        began = time.perf_counter()
        upload_id = (await client.begin_upload(Target(FILM, OnConflict.OVERWRITE))).upload_id
        upload = await client.append_upload(upload_id, 0, content(chunks // 2))
        upload = await client.append_upload(upload_id, upload.offset, content(chunks - chunks // 2))
        await client.commit_upload(upload_id, upload.offset)
        return megabytes / (time.perf_counter() - began)

    async def copy() -> float:
        began = time.perf_counter()
        await client.copy(FILM, FileName(FileKind.OUTPUT, "", "copy"), OnConflict.OVERWRITE)
        return megabytes / (time.perf_counter() - began)

    return {
        "write, hash, sync in this process, MB/s": write_here,
        "upload, MB/s": upload,
        "upload in two parts, MB/s": upload_in_parts,
        "copy, MB/s": copy,
        "read in this process (cached), MB/s": read_here,
        "download over gRPC (cached), MB/s": download,
        "download on the same host (cached), MB/s": read_where_it_lies,
        "write and sync 20 kB one by one here, files/s": save_here,
        f"save 20 kB numbered in temp, {WRITERS} writers, files/s": partial(save_all, FileKind.TEMP),
        f"save 20 kB numbered in output, synced, {WRITERS} writers, files/s": partial(save_all, FileKind.OUTPUT),
    }


async def main(mebibytes: int, flags: Sequence[str]) -> None:
    """Measure in interleaved rounds and print a table."""
    keep_freed_memory()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        data = Path(folder)
        async with service(data, flags) as (process, client):
            table = measures(data, client, mebibytes * 2)
            idle = process.memory_info().rss
            rounds = [{what: await measure() for what, measure in table.items()} for _ in range(ROUNDS)]
            print(f"files of {mebibytes} MiB, median [best] of {ROUNDS} interleaved rounds")
            for what in table:
                values = [values[what] for values in rounds]
                print(f"  {what:50} {statistics.median(values):8.0f} [{max(values):.0f}]")
            print(f"  memory of the service: {idle / 1e6:.0f} MB idle, {process.memory_info().rss / 1e6:.0f} MB after")


if __name__ == "__main__":
    given = sys.argv[1:]
    size = int(given.pop(0)) if given and given[0].isdigit() else 200
    uvloop.run(main(size, given))
