"""What it costs to pass over a user who may have no more running: `python -m bench.passing_over`.

One user has many prompts waiting, all of them before those of 100 others. Claims that may take any prompt are measured,
and claims that may take those of the others alone, on a SQLite store, one after the other.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from services.queue import life as lives
from services.queue.stores.base import ANY, Choice, NewPrompt
from services.queue.stores.sqlite import SqliteStore

#: Prompts of the user who is passed over.
BLOCKED = (0, 1_000, 20_000)
OTHERS = 100
#: Prompts of each of the others.
EACH = 10
CLAIMS = 200


def prompt(number: int, user_id: str) -> NewPrompt:
    """The smallest one."""
    return NewPrompt(
        prompt_id=f"{user_id} {number}",
        client_id="",
        number=float(number),
        counted=None,
        graph_json=b"{}",
        extra_data_json=b"{}",
        output_node_ids=(),
        node_errors_json=b"{}",
        content_digest=b"",
        submitted_at=0.0,
        user_id=user_id,
    )


async def fill(store: SqliteStore, count: int, user_id: str) -> None:
    """Let a user have this many waiting."""
    for first in range(0, count, 500):
        await asyncio.gather(*(store.add(prompt(n, user_id)) for n in range(first, min(first + 500, count))))


async def claims(store: SqliteStore, choice: Choice) -> list[float]:
    """Seconds of claims."""
    taken = []
    for number in range(CLAIMS):
        assign = partial(lives.assign, executor_id="e", token=str(number), now=0.0, lease_until=1.0)
        began = time.perf_counter()
        claim = await store.claim(assign, choice)
        taken.append(time.perf_counter() - began)
        assert claim is not None
    return taken


async def main() -> None:
    """Measure, and print a table."""
    others = [f"user {number}" for number in range(OTHERS)]
    print(f"{'ms per claim, median [best]':<40}{'of anybody':>20}{'of the others':>20}")
    for blocked in BLOCKED:
        with tempfile.TemporaryDirectory() as folder:
            store = await SqliteStore.open(Path(folder) / "queue.sqlite3")
            await fill(store, blocked, "blocked")
            for user_id in others:
                await fill(store, EACH, user_id)
            restricted = await claims(store, Choice(users=frozenset(others)))
            anybody = await claims(store, ANY)
            await store.close()
        columns = (f"{statistics.median(t) * 1e3:.2f} [{min(t) * 1e3:.2f}]" for t in (anybody, restricted))
        print(
            f"{f'{blocked} prompts are passed over':<40}" + "".join(f"{column:>20}" for column in columns), flush=True
        )


if __name__ == "__main__":
    asyncio.run(main())
