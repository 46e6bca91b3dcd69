"""A long history: `python -m bench.history [SERVER]`, what reading it costs, and the memory of the gateway.

The server is an address or "own", as in `bench.prompts`. Prompts are run until the history holds `ENTRIES` more.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import sys

from bench.path import seconds, show, tiny_prompt
from bench.prompts import OWN, Server, opened

ENTRIES = 10_000
#: Prompts that wait at once.
BATCH = 500
ROUNDS = 50

_numbers = itertools.count(secrets.randbelow(1 << 22))


async def fill(server: Server) -> str:
    """Run the prompts; returns the id of one of the last."""
    prompt_id = ""
    for _ in range(ENTRIES // BATCH):
        prompts = {await server.client.submit(tiny_prompt(next(_numbers))) for _ in range(BATCH)}
        await server.client.ended(prompts)
        prompt_id = next(iter(prompts))
    return prompt_id


def show_memory(server: Server, when: str) -> None:
    """The resident memory of each process of the server."""
    sizes = (f"{name} {process.memory_info().rss / 1e6:.0f} MB" for name, process in server.processes.items())
    print(f"{when}: {', '.join(sizes)}", flush=True)


async def main() -> None:
    """Measure, and print a table."""
    async with opened(sys.argv[1] if len(sys.argv) > 1 else OWN) as server:
        show_memory(server, "at first")
        prompt_id = await fill(server)
        show_memory(server, f"with {ENTRIES} entries")
        print(f"{'':<45} {'median':>9} [{'best':>8}]")
        paths = (
            "/history?max_items=64",
            "/history?max_items=64&offset=5000",
            f"/history/{prompt_id}",
            "/jobs?limit=64",
            "/queue",
        )
        for path in paths:
            taken = [await seconds(lambda path=path: server.client.get(path)) for _ in range(ROUNDS)]  # type: ignore[misc]
            show(f"GET {path.replace(prompt_id, '{id}')}", taken, 1e3, "ms")
        show("GET /history", [await seconds(lambda: server.client.get("/history")) for _ in range(3)], 1e3, "ms")
        show_memory(server, "after reading it whole")


if __name__ == "__main__":
    asyncio.run(main())
