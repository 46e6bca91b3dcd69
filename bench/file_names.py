"""How fast the file service finds its way among many names: `python -m bench.file_names [FILES]`."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import uvloop

from bench.files import service
from services.files.client import FileClient
from services.files.records import FileKind, FileName, OnConflict

REPEATS = 50
PICTURE = os.urandom(20_000)

#: Long enough for a folder to be trusted to stay as it was read.
QUIET = 2.5


def populate(data: Path, files: int) -> None:
    """Put empty files into the output folder by hand."""
    folder = data / "output" / "many"
    folder.mkdir(parents=True)
    for number in range(1, files + 1):
        os.close(os.open(folder / f"ComfyUI_{number:05}_.png", os.O_WRONLY | os.O_CREAT, 0o666))


def _many(filename: str) -> FileName:
    return FileName(FileKind.OUTPUT, "many", filename)


async def pages(client: FileClient, size: int) -> AsyncIterator[float]:
    """Seconds of each page of a listing."""
    token = ""
    while True:
        began = time.perf_counter()
        _, token = await client.list(FileKind.OUTPUT, "many", page_size=size, page_token=token)
        yield time.perf_counter() - began
        if not token:
            return


async def timed(what: Callable[[], Awaitable[object]]) -> float:
    """Seconds that something takes."""
    began = time.perf_counter()
    await what()
    return time.perf_counter() - began


def show(what: str, seconds: list[float]) -> None:
    """Print a line of the table."""
    ordered = sorted(seconds)
    late = ordered[int(len(ordered) * 0.95)]
    print(f"  {what:58} {statistics.median(seconds) * 1e3:9.2f} [{ordered[0] * 1e3:.2f}] {late * 1e3:9.2f}")


async def main(files: int) -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        data = Path(folder)
        populate(data, files)
        async with service(data) as (process, client):
            print(f"a folder of {files} files, ms: median [best], 95 of 100 are faster")

            def page() -> Awaitable[object]:
                return client.list(FileKind.OUTPUT, "many", page_size=100)

            def save(prefix: str) -> Awaitable[object]:
                return client.put(_many(prefix), PICTURE, OnConflict.NUMBER, numbered_extension=".png")

            show("first page of 100 of a folder that was never read", [await timed(page)])
            show(
                "nothing but the way there and back (a name that is none)",
                [await refused(client) for _ in range(REPEATS)],
            )
            time.sleep(QUIET)  # noqa: ASYNC251
            await page()
            for size in (100, 1_000):
                show(f"each page of {size}, to the end", [seconds async for seconds in pages(client, size)])
            names = [_many(f"ComfyUI_{number:05}_.png") for number in range(1, files, max(1, files // REPEATS))]
            show("stat", [await timed(lambda name=name: client.stat(name)) for name in names])  # type: ignore[misc]
            show("first save of a prefix that has these numbers", [await timed(lambda: save("ComfyUI"))])
            show("save with it", [await timed(lambda: save("ComfyUI")) for _ in range(REPEATS)])
            prefixes = [f"run {number}" for number in range(REPEATS)]
            show("first save of another prefix", [await timed(lambda it=it: save(it)) for it in prefixes])  # type: ignore[misc]
            show("page of 100 right after a save", [await after_a_save(page, save) for _ in range(5)])
            print(f"  memory of the service: {process.memory_info().rss / 1e6:.0f} MB")


async def refused(client: FileClient) -> float:
    """Seconds until the service has refused a name."""
    began = time.perf_counter()
    try:
        await client.stat(_many(".."))
    except Exception:
        return time.perf_counter() - began
    raise AssertionError


async def after_a_save(page: Callable[[], Awaitable[object]], save: Callable[[str], Awaitable[object]]) -> float:
    """Seconds of a page of a folder that has just changed."""
    await save("ComfyUI")
    return await timed(page)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
