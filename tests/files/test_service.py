"""The file service as a real process: its life, its death, its weight."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from blake3 import blake3

from services.errors import Unavailable
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.client import FileClient
from services.files.records import FileInfo, FileKind, FileName, OnConflict

#: Bytes of memory that the process may hold, whatever it has stored.
MAX_MEMORY = 80 << 20

FILM = FileName(FileKind.OUTPUT, "", "film")


@asynccontextmanager
async def service(data: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, FileClient]]:
    """A real file service that is killed at the end, and a client of it."""
    command = [sys.executable, "-m", "services.files", "--listen", "127.0.0.1:0", "--metrics-listen", ""]
    process = await asyncio.create_subprocess_exec(
        *command, "--data", str(data), "--models", str(data / "models"), stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr
        line = ""
        while "listening on" not in line:
            line = (await process.stderr.readline()).decode()
            assert line, "the service ended without listening"
        async with FileClient(line.split()[-1]) as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def film(chunks: int, *, then: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """A content; when `then` is given it is set at the end, which never comes."""
    for _ in range(chunks):
        yield bytes(CHUNK_BYTES)
    if then:
        then.set()
        await asyncio.sleep(60)


@pytest.mark.parametrize("chunks", [1, 2, 90])
async def test_a_service_killed_in_mid_upload_leaves_nothing_half(tmp_path: Path, chunks: int) -> None:
    async with service(tmp_path) as (process, client):
        old = await client.write(FILM, one_chunk(b"old"), OnConflict.FAIL)
        sent = asyncio.Event()
        writing = asyncio.create_task(client.write(FILM, film(chunks, then=sent), OnConflict.OVERWRITE))
        await sent.wait()
        process.kill()
        await process.wait()
        with pytest.raises(Unavailable):
            await client.stat(FILM)
        writing.cancel()
        await asyncio.wait([writing])
    assert (tmp_path / "output" / "film").read_bytes() == b"old"

    async with service(tmp_path) as (_, client):
        assert await client.list(FileKind.OUTPUT, recursive=True) == ([old], "")
        assert list((tmp_path / ".incoming").iterdir()) == []


async def test_what_a_killed_service_had_answered_is_there_and_everything_there_is_whole(tmp_path: Path) -> None:
    answered: list[FileInfo] = []
    enough = asyncio.Event()

    async def save(client: FileClient, saver: int) -> None:
        for picture in range(10_000):
            name = FileName(FileKind.OUTPUT, "", "p")
            content = f"{saver} {picture} ".encode() * 5_000
            info = await client.write(name, one_chunk(content), OnConflict.NUMBER, numbered_extension=".png")
            answered.append(info)
            if len(answered) == 50:
                enough.set()

    async with service(tmp_path) as (process, client):
        savers = [asyncio.create_task(save(client, saver)) for saver in range(8)]
        await enough.wait()
        process.kill()
        results = await asyncio.gather(*savers, return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)

    for info in answered:
        assert blake3((tmp_path / str(info.name)).read_bytes()).hexdigest() == info.blake3
    for path in (tmp_path / "output").iterdir():
        content = path.read_bytes()
        saver, picture = content.split(b" ")[:2]
        assert content == b"%s %s " % (saver, picture) * 5_000

    async with service(tmp_path) as (_, client):
        info = await client.write(FileName(FileKind.OUTPUT, "", "p"), one_chunk(b""), OnConflict.NUMBER)
        assert info.name.filename > max(info.name.filename for info in answered)


async def test_a_stopped_service_ends_well_and_lets_go_of_its_directory(tmp_path: Path) -> None:
    async with service(tmp_path) as (process, client):
        written = await client.write(FILM, film(3), OnConflict.FAIL)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    async with service(tmp_path) as (_, client):
        assert await client.stat(FILM) == written


@pytest.mark.parametrize("flag", ["--data", "--models"])
async def test_a_directory_that_cannot_be_read_is_one_line_and_exit_code_2(tmp_path: Path, flag: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    flags = {"--data": str(tmp_path / "data"), "--models": str(tmp_path)} | {flag: str(tmp_path / "file")}
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "services.files", "--listen", "127.0.0.1:0", *sum(map(list, flags.items()), [])],
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().count("\n") == 1
    assert "file cannot be read" in errors.decode()


async def test_extra_model_paths_that_are_none_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "extra.yaml"
    file.write_text("a:\n  vae: x\n b: y\n")
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "services.files", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")],
        *["--extra-model-paths", str(file)],
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().count("\n") == 1
    assert f"{file} line 3" in errors.decode()


async def test_memory_stays_flat_and_small(tmp_path: Path) -> None:
    async with service(tmp_path) as (process, client):
        written = await client.write(FILM, film(500), OnConflict.FAIL)
        read = 0
        async with client.open(FILM) as file:
            async for chunk in file:
                read += len(chunk)
        assert read == written.size == 500 * CHUNK_BYTES
        assert psutil.Process(process.pid).memory_info().rss < MAX_MEMORY
        assert not any("torch" in region.path for region in psutil.Process(process.pid).memory_maps())
    os.unlink(tmp_path / "output" / "film")
