"""The whole path of a prompt, measured from a ComfyUI client: `python -m bench.path [URL]`.

Without a URL a stack of its own is started. With one, any ComfyUI-compatible server is measured, so that two can be
compared in turn on the same machine. Every figure is the median and the best of several rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import websockets

from services.command.demo import EXAMPLE
from services.command.stack import StackSettings, running_stack

ROUNDS = 5
TINY_PROMPTS = 200


def tiny_prompt(colour: int) -> dict[str, Any]:
    """A prompt that does next to nothing; the colour keeps it out of every cache."""
    return {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": colour}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }


class Client:
    """A ComfyUI client that waits for its own prompts."""

    def __init__(self, url: str, socket: websockets.ClientConnection, client_id: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=60, trust_env=False)
        self._socket = socket
        self._client_id = client_id

    async def submit(self, graph: dict[str, Any]) -> str:
        body = json.dumps({"prompt": graph, "client_id": self._client_id}).encode()
        answer = await self._http.post("/prompt", content=body)
        return str(answer.raise_for_status().json()["prompt_id"])

    async def ended(self, prompt_ids: set[str]) -> None:
        """Wait for the last message of all these prompts."""
        waiting = set(prompt_ids)
        while waiting:
            frame = await self._socket.recv()
            if isinstance(frame, str):
                message = json.loads(frame)
                if message["type"] == "executing" and message["data"]["node"] is None:
                    waiting.discard(message["data"].get("prompt_id"))

    async def get(self, path: str) -> bytes:
        return (await self._http.get(path)).raise_for_status().content


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    client_id = uuid.uuid4().hex
    address = f"{url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
    async with websockets.connect(address, max_size=None, proxy=None) as socket:
        yield Client(url, socket, client_id)


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def measure(url: str) -> None:
    async with connected(url) as client:
        numbers = iter(range(1, 1 << 24))

        async def one_tiny() -> None:
            await client.ended({await client.submit(tiny_prompt(next(numbers)))})

        async def submit_alone() -> None:
            submitted.add(await client.submit(tiny_prompt(next(numbers))))

        async def many_tiny() -> None:
            await client.ended({await client.submit(tiny_prompt(next(numbers))) for _ in range(TINY_PROMPTS)})

        async def example(seed: int | None = None) -> None:
            graph = json.loads(EXAMPLE.read_bytes())
            graph["3"]["inputs"]["seed"] = next(numbers) if seed is None else seed
            await client.ended({await client.submit(graph)})

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
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        wanted = StackSettings(
            port=0, queue_port=0, files_port=0, data=data, models=(data / "models",), custom_nodes=()
        )
        async with running_stack(wanted) as stack:
            await measure(stack.url)


if __name__ == "__main__":
    asyncio.run(main())
