"""The whole path of a prompt, measured from a ComfyUI client: `python -m bench.path [URL]`.

Without a URL a stack of its own is started. With one, any ComfyUI-compatible server is measured, so that two can be
compared in turn on the same machine. Every figure is the median and the best of several rounds.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bench.client import connected, own_stack
from services.command.demo import EXAMPLE

ROUNDS = 5
TINY_PROMPTS = 200


def tiny_prompt(colour: int) -> dict[str, Any]:
    """A prompt that does next to nothing; the colour keeps it out of every cache."""
    return {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": colour}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def measure(url: str) -> None:
    async with connected(url) as client:
        numbers = iter(range(1, 1 << 24))

        async def one_tiny() -> None:
            await client.run(tiny_prompt(next(numbers)))

        async def submit_alone() -> None:
            submitted.add(await client.submit(tiny_prompt(next(numbers))))

        async def many_tiny() -> None:
            await client.ended({await client.submit(tiny_prompt(next(numbers))) for _ in range(TINY_PROMPTS)})

        async def example(seed: int | None = None) -> None:
            graph = json.loads(EXAMPLE.read_bytes())
            graph["3"]["inputs"]["seed"] = next(numbers) if seed is None else seed
            await client.run(graph)

        await example()
        await one_tiny()
        show("tiny prompt, submit to last message", [await seconds(one_tiny) for _ in range(20 * ROUNDS)], 1e3, "ms")
        submitted: set[str] = set()
        show("POST /prompt alone", [await seconds(submit_alone) for _ in range(20 * ROUNDS)], 1e3, "ms")
        await client.ended(submitted)
        rates = [await seconds(many_tiny) / TINY_PROMPTS for _ in range(ROUNDS)]
        show(f"tiny prompt, {TINY_PROMPTS} in a row from one client", rates, 1e3, "ms each")
        show("example, 20 steps", [await seconds(example) for _ in range(ROUNDS)], 1e3, "ms")
        await example(0)
        show("example, all cached", [await seconds(lambda: example(0)) for _ in range(4 * ROUNDS)], 1e3, "ms")
        for path in ("/object_info", "/queue", "/history?max_items=64", "/system_stats"):
            show(f"GET {path}", [await seconds(lambda path=path: client.get(path)) for _ in range(20)], 1e3, "ms")  # type: ignore[misc]


def show(what: str, values: list[float], factor: float, unit: str) -> None:
    middle, best = statistics.median(values) * factor, min(values) * factor
    print(f"{what:<45} {middle:9.2f} [{best:8.2f}] {unit}", flush=True)


async def main() -> None:
    print(f"{'':<45} {'median':>9} [{'best':>8}]")
    if len(sys.argv) > 1:
        await measure(sys.argv[1])
        return
    async with own_stack() as stack:
        await measure(stack.url)


if __name__ == "__main__":
    asyncio.run(main())
