"""How long `POST /prompt` takes, also while a node holds its interpreter: `python -m bench.submissions`."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
from pathlib import Path
from typing import Any

from bench.client import Client, connected, own_stack
from bench.path import seconds, tiny_prompt

SUBMISSIONS = 300
BUSY_SECONDS = 60.0

#: A node that computes in C without letting go of the interpreter, a second at a time.
PACK = """
import time

class BenchBusy:
    INPUT_TYPES = classmethod(lambda cls: {"required": {"seconds": ("FLOAT", {"default": 1.0, "max": 1e6})}})
    RETURN_TYPES = ()
    FUNCTION = "hold"
    OUTPUT_NODE = True

    def hold(self, seconds):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            sum(range(30_000_000))
        return {}

NODE_CLASS_MAPPINGS = {"BenchBusy": BenchBusy}
"""


async def submissions(client: Client, colours: itertools.count[int]) -> tuple[list[float], set[str]]:
    """How long each of many submissions took, in seconds, and the ids of what was submitted."""
    submitted: set[str] = set()

    async def submit() -> None:
        submitted.add(await client.submit(tiny_prompt(next(colours))))

    taken = []
    for _ in range(SUBMISSIONS):
        taken.append(await seconds(submit))
        await asyncio.sleep(0.01)
    return taken, submitted


def show(what: str, taken: list[float]) -> None:
    """Print a row."""
    in_order = sorted(taken)
    middle, late = statistics.median(in_order), in_order[int(len(in_order) * 0.99)]
    print(f"{what:<40} {middle * 1e3:8.2f} {late * 1e3:8.2f} {in_order[-1] * 1e3:8.2f}", flush=True)


async def main() -> None:
    """Measure a stack of our own."""
    print(f"{'POST /prompt, ms':<40} {'median':>8} {'99 %':>8} {'worst':>8}")
    colours = itertools.count(1)
    with tempfile.TemporaryDirectory() as folder:
        pack = Path(folder) / "bench"
        pack.mkdir()
        (pack / "__init__.py").write_text(PACK)
        async with own_stack(Path(folder)) as stack, connected(stack.url) as client:
            await client.run(tiny_prompt(next(colours)))
            taken, submitted = await submissions(client, colours)
            show("while others run", taken)
            await client.ended(submitted)
            busy: dict[str, Any] = {"1": {"class_type": "BenchBusy", "inputs": {"seconds": BUSY_SECONDS}}}
            await client.submit(busy)
            taken, _ = await submissions(client, colours)
            show("while a node holds the interpreter", taken)


if __name__ == "__main__":
    asyncio.run(main())
