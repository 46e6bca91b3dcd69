"""The file service as a real process whose files are in a bucket."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.command.line import main
from services.errors import Unavailable
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.client import FileClient
from services.files.records import FileKind, FileName, OnConflict
from services.files.stores.s3.location import Location
from services.files.stores.s3.transfer import PART_BYTES

FILM = FileName(FileKind.OUTPUT, "", "film")

#: Uses the asynchronous library and ends at once, as short commands do.
SHORT = """
import asyncio, sys
from pathlib import Path
from services.files.stores.opening import StoreSettings, store_of

async def run():
    store = store_of(StoreSettings(store=sys.argv[1], s3_endpoint=sys.argv[2], data=Path(sys.argv[3])))
    await store.__aenter__()
    print(await store.list(__import__("services.files.records").files.records.FileKind.OUTPUT))

asyncio.run(run())
"""


def environment(location: Location) -> dict[str, str]:
    credentials = {
        "AWS_ACCESS_KEY_ID": location.credentials.key_id,
        "AWS_SECRET_ACCESS_KEY": location.credentials.secret,
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | credentials


def flags(location: Location, folder: Path) -> list[str]:
    return [
        *("--store", str(location), "--s3-endpoint", location.endpoint, "--data", str(folder)),
        *("--models", str(folder / "models"), "--listen", "127.0.0.1:0", "--metrics-listen", ""),
    ]


@asynccontextmanager
async def service(location: Location, folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A real file service that is killed at the end, and its address."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "services.files", *flags(location, folder)],
        env=environment(location),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr
        line = ""
        while "listening on" not in line:
            line = (await process.stderr.readline()).decode()
            assert line, "the service ended without listening"
        yield process, line.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_service_killed_in_mid_upload_leaves_nothing_that_anybody_sees(
    location: Location, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(2 * PART_BYTES // CHUNK_BYTES + 4):
            yield bytes(CHUNK_BYTES)
        sent.set()
        await asyncio.sleep(60)

    async with service(location, tmp_path) as (process, address), FileClient(address) as client:
        old = await client.write(FILM, one_chunk(b"old"), OnConflict.FAIL)
        writing = asyncio.create_task(client.write(FILM, endless(), OnConflict.OVERWRITE))
        await sent.wait()
        process.kill()
        await process.wait()
        with pytest.raises(Unavailable):
            await client.stat(FILM)
        writing.cancel()
        await asyncio.wait([writing])
    async with service(location, tmp_path) as (process, address):
        async with FileClient(address) as client:
            assert await client.list(FileKind.OUTPUT, recursive=True) == ([old], "")
            async with client.open(FILM) as file:
                assert await file.read() == b"old"
        assert await asyncio.to_thread(main, ["files", "gc", "--dry-run", "--files", address]) == 0
        assert capsys.readouterr().out == "would go: 0 bytes in all\n"
        process.terminate()
        assert await process.wait() == 0


async def test_a_process_that_ends_without_closing_ends_well(location: Location, tmp_path: Path) -> None:
    for _ in range(3):
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-c", SHORT, str(location), location.endpoint, str(tmp_path)],
            env=environment(location),
            stdout=asyncio.subprocess.PIPE,
        )
        await process.communicate()
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (["--store", "ftp://bucket"], "is not an address such as s3://bucket/prefix"),
        (["--store", ""], "--s3-endpoint goes with --store"),
        (["--s3-endpoint", "http://user:secret@host"], "without credentials in it"),
        (["--names", "mysql://host/names"], "postgresql://"),
        (["--quota", "many"], "--quota is a size such as"),
        (["--grace-hours", "0"], "--grace-hours at least"),
    ],
)
def test_settings_that_make_no_sense_are_one_line_and_exit_code_2(
    tmp_path: Path,
    changed: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    flags = ["--store", "s3://bucket", "--s3-endpoint", "http://127.0.0.1:1", "--data", str(tmp_path), *changed]
    assert main(["files", *flags]) == 2
    errors = capsys.readouterr().err
    assert says in errors
    assert errors.strip().count("\n") == 0
    assert "secret" not in errors


def test_missing_credentials_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    assert main(["files", "--store", "s3://bucket", "--data", str(tmp_path)]) == 2
    assert "AWS_ACCESS_KEY_ID is not set" in capsys.readouterr().err
