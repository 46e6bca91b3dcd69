"""How fast names are found in a database with many of them: `python -m bench.names [COUNT] [postgresql://…]`.

Without a URL they are in SQLite. Calls go to the names themselves; `bench.files` goes through the service.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from services.files.records import FileKind, FileName, OnConflict, Target
from services.files.stores.names.records import Content
from services.files.stores.names.steps import Steps, statement
from services.files.stores.names.store import Names, now_us

ROUNDS = 50
#: Names that are made in one transaction.
BATCH = 1_000
#: Folders that the names are spread over.
FOLDERS = 100
SAVERS = 8

Measure = Callable[[], Awaitable[object]]


def nth(number: int) -> FileName:
    """One of the names."""
    return FileName(FileKind.OUTPUT, f"folder {number % FOLDERS:03}/deep", f"picture_{number:07}_.png")


async def fill(names: Names, count: int) -> None:
    """Make that many names, each of a content of its own."""
    for start in range(0, count, BATCH):
        await names.change(lambda: _made(start, min(count, start + BATCH)))  # noqa: B023


def _made(start: int, end: int) -> Steps[None]:
    for number in range(start, end):
        name, digest = nth(number), f"{number:064x}"
        key = (name.kind.value, name.subfolder.replace("/", "\x01"), name.filename)
        yield from statement("insert", *key, digest, 1_000, now_us(), "ann", "\x02", "\x02")
        yield from statement("keep_blob", digest, 1_000, f"blobs/{digest[:2]}/{digest}", now_us())
    yield from statement("charge", "ann", 1_000 * (end - start))


def measures(names: Names, count: int) -> dict[str, Measure]:
    """What is measured, by what it is called."""
    top = ((), "")
    middle = ((f"folder {FOLDERS // 2:03}", "deep"), "picture_0")

    async def save() -> None:
        target = Target(FileName(FileKind.OUTPUT, "saved", "p"), OnConflict.NUMBER, ".png", owner="bob")
        digest = uuid.uuid4().hex * 2
        await names.place(target, Content(digest, 1_000, f"blobs/{digest}"))

    async def save_together() -> None:
        await asyncio.gather(*(save() for _ in range(SAVERS)))

    return {
        "stat": lambda: names.find(nth(random.randrange(count))),
        "first page of 1,000, all folders": lambda: names.page(FileKind.OUTPUT, "", True, 1_000, top),
        "middle page of 1,000, all folders": lambda: names.page(FileKind.OUTPUT, "", True, 1_000, middle),
        "page of 100 of one folder": lambda: names.page(FileKind.OUTPUT, nth(7).subfolder, False, 100, top),
        f"{FOLDERS} folders": lambda: names.children(FileKind.OUTPUT, ""),
        "find by digest": lambda: names.find_content(f"{random.randrange(count):064x}"),
        "what an owner uses": lambda: names.usage("ann"),
        "numbered save": save,
        f"{SAVERS} numbered saves at once": save_together,
    }


async def measure(names: Names, count: int) -> None:
    """Fill, measure and print a table."""
    async with names:
        began = time.perf_counter()
        await fill(names, count)
        print(f"{count:,} names made in {time.perf_counter() - began:.1f} s; ms, median [best] of {ROUNDS}")
        for what, once in measures(names, count).items():
            seconds = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                await once()
                seconds.append(time.perf_counter() - began)
            print(f"  {what:40} {statistics.median(seconds) * 1e3:8.2f} [{min(seconds) * 1e3:.2f}]")


async def main(count: int, url: str) -> None:
    """Measure one database."""
    if url:
        from services.files.stores.names.postgres import PostgresNames

        await measure(PostgresNames(url), count)
        return
    from services.files.stores.names.sqlite import SqliteNames

    with tempfile.TemporaryDirectory() as folder:
        await measure(SqliteNames(Path(folder) / "names.sqlite3"), count)


if __name__ == "__main__":
    numbers = [argument for argument in sys.argv[1:] if argument.isdigit()]
    urls = [argument for argument in sys.argv[1:] if "://" in argument]
    uvloop.run(main(int(numbers[0]) if numbers else 100_000, urls[0] if urls else ""))
