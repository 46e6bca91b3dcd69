"""How long `POST /prompt` takes, idle and while a node holds the interpreter: `python -m bench.submitting [URL]`.

Without a URL a stack of its own is started. Another server must have the pack in `bench/lock_holder`: link it into its
`custom_nodes`.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.client import Client, connected, own_stack
from bench.path import seconds, tiny_prompt

IDLE_ROUNDS = 300
HOLDING_ROUNDS = 5
#: For which a node holds the lock, as ComfyUI's own long calls do.
HELD_MS = 2000
#: Seconds between the submissions meanwhile.
PAUSE = 0.02

_PACK = Path(__file__).parent / "lock_holder"
_numbers = itertools.count(secrets.randbelow(1 << 22))


async def idle(client: Client) -> list[float]:
    """Seconds of submissions, each after the prompt before has ended."""
    taken = []
    for _ in range(IDLE_ROUNDS):
        began = time.perf_counter()
        prompt_id = await client.submit(tiny_prompt(next(_numbers)))
        taken.append(time.perf_counter() - began)
        await client.ended({prompt_id})
    return taken


async def while_held(client: Client) -> list[float]:
    """Seconds of submissions while the lock is held."""
    taken: list[float] = []
    for _ in range(HOLDING_ROUNDS):
        holding = {"milliseconds": HELD_MS, "number": next(_numbers)}
        prompts = {await client.submit({"1": {"class_type": "HoldInterpreterLock", "inputs": holding}})}
        await asyncio.sleep(0.2)
        until = time.perf_counter() + HELD_MS / 1000 - 0.4

        async def submit(prompts: set[str] = prompts) -> None:
            prompts.add(await client.submit(tiny_prompt(next(_numbers))))

        while time.perf_counter() < until:
            taken.append(await seconds(submit))
            await asyncio.sleep(PAUSE)
        await client.ended(prompts)
    return taken


def show(what: str, taken: list[float]) -> None:
    """The best, the median, the 99th percentile and the worst, in milliseconds."""
    p99 = statistics.quantiles(taken, n=100)[98]
    shown = (min(taken), statistics.median(taken), p99, max(taken))
    print(f"{what:<28}" + "".join(f"{value * 1e3:>9.2f}" for value in shown), flush=True)


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    if len(sys.argv) > 1:
        yield sys.argv[1]
        return
    with TemporaryDirectory() as folder:
        (Path(folder) / _PACK.name).symlink_to(_PACK)
        async with own_stack(Path(folder)) as stack:
            yield stack.url


async def main() -> None:
    """Measure, and print a table."""
    async with _server() as url, connected(url) as client:
        await client.run(tiny_prompt(next(_numbers)))
        print(f"{'POST /prompt, ms':<28}{'best':>9}{'p50':>9}{'p99':>9}{'worst':>9}")
        show("idle", await idle(client))
        show("while a node holds the lock", await while_held(client))


if __name__ == "__main__":
    asyncio.run(main())
