"""What models and assets of the file service cost: `python -m bench.models [MIB] [ASSETS]`.

Headers of safetensors files, models that an executor asks for (seen where they lie, fetched, in the cache), a library
of assets. Times are medians, in milliseconds unless something else is said.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

from bench.files import service
from services.executor.model_cache.cache import ModelCache
from services.executor.model_cache.folder import CacheFolder
from services.executor.model_cache.remote import RemoteModels
from services.executor.node_files import RemoteFiles
from services.files.assets.records import AssetFilter, NewAsset
from services.files.client import FileClient
from services.files.records import FileKind, FileName, OnConflict

ROUNDS = 20

#: Tensors in a LoRA, a checkpoint of SDXL and a large model in many parts.
TENSORS = (500, 2_500, 20_000)


def header(tensors: int, title: str) -> bytes:
    """A safetensors file of so many tensors of 4 bytes."""
    entries = {
        f"model.diffusion_model.input_blocks.{number}.transformer_blocks.0.attn1.to_q.weight": {
            "dtype": "F16",
            "shape": [1, 2],
            "data_offsets": [4 * number, 4 * number + 4],
        }
        for number in range(tensors)
    }
    content = json.dumps({"__metadata__": {"modelspec.title": title}, **entries}).encode()
    return len(content).to_bytes(8, "little") + content + bytes(4 * tensors)


async def median(ask: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds that a question takes."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await ask()
        times.append(time.perf_counter() - began)
    return 1e3 * statistics.median(times)


async def headers(models: Path, client: FileClient) -> Iterator[tuple[str, float]]:
    """What the metadata of models take, when they are read and when they were."""
    found = []
    for tensors in TENSORS:
        path = models / "loras" / f"{tensors}.safetensors"
        path.parent.mkdir(exist_ok=True)
        stamps = iter(range(1, 10_000))

        async def anew(path: Path = path, stamps: Iterator[int] = stamps) -> None:
            os.utime(path, (next(stamps),) * 2)
            await client.models.metadata("loras", path.name)

        path.write_bytes(header(tensors, "T"))
        found.append((f"metadata of {tensors:,} tensors, read", await median(anew)))
        known = await median(lambda path=path: client.models.metadata("loras", path.name))  # type: ignore[misc]
        found.append((f"metadata of {tensors:,} tensors, known", known))
    return iter(found)


def fetches(folder: Path, address: str, name: str) -> Iterator[tuple[str, float]]:
    """What a model takes that an executor asks for."""
    with closing(RemoteFiles(address, folder / "files")) as files:
        models = RemoteModels(files, ModelCache(CacheFolder(folder / "cache", 1 << 40)))

        def took() -> float:
            began = time.perf_counter()
            models.fetch("checkpoints", name)
            return 1e3 * (time.perf_counter() - began)

        yield "first asked for", took()
        yield "asked for again", statistics.median(took() for _ in range(ROUNDS))


async def assets(client: FileClient, count: int) -> Iterator[tuple[str, float]]:
    """What assets take in a library of so many."""
    name = FileName(FileKind.INPUT, "", "cat.png")
    await client.put(name, b"cat", OnConflict.OVERWRITE)
    began = time.perf_counter()
    for start in range(0, count, 500):
        await asyncio.gather(
            *(
                client.assets.create(
                    NewAsset(owner="me", source=name, name=f"cat {number}", tags=["input", f"tag{number % 50}"])
                )
                for number in range(start, min(start + 500, count))
            )
        )
    rate = count / (time.perf_counter() - began)
    some, rare = AssetFilter(owner="me"), AssetFilter(owner="me", tags=["input", "tag7"])
    named = AssetFilter(owner="me", name_contains="99")
    return iter(
        [
            (f"{count:,} assets made by 500 at a time (per second)", rate),
            ("the newest 100", await median(lambda: client.assets.list(some))),
            ("100 of a tag among them", await median(lambda: client.assets.list(rare))),
            ("100 by a part of their names", await median(lambda: client.assets.list(named))),
            ("all tags, counted", await median(lambda: client.assets.tags(some))),
        ]
    )


async def run(mebibytes: int, count: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="silverprint-bench-") as top:
        data = Path(top) / "data"
        data.mkdir()
        async with service(data) as (_, client):
            for what, figure in await headers(data, client):
                show(what, figure)
            size = mebibytes << 20
            model = data / "checkpoints" / "large.safetensors"
            model.parent.mkdir()
            model.write_bytes(os.urandom(1 << 20) * mebibytes)
            location = await client.locate(FileName(FileKind.MODELS, "checkpoints", model.name))
            assert location is not None
            address = client.target
            for what, figure in await asyncio.to_thread(lambda: list(fetches(Path(top) / "near", address, model.name))):
                show(f"{mebibytes} MiB where they lie, {what}", figure)
            began = time.perf_counter()
            await client.models.get("checkpoints", model.name, digest=True)
            show(f"{mebibytes} MiB, their digest (MB/s)", size / 1e6 / (time.perf_counter() - began))
            FileClient.locate = _nowhere  # type: ignore[method-assign]
            for what, figure in await asyncio.to_thread(lambda: list(fetches(Path(top) / "far", address, model.name))):
                show(f"{mebibytes} MiB from elsewhere, {what}", figure)
            for what, figure in await assets(client, count):
                show(what, figure)


async def _nowhere(self: FileClient, name: FileName) -> None:
    return None


def show(what: str, figure: float) -> None:
    """Print a line."""
    sys.stdout.write(f"{what:60} {figure:10.2f}\n")


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 512, int(sys.argv[2]) if len(sys.argv) > 2 else 20_000))
