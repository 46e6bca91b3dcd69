"""How long prompts take through the REST and WebSocket API, beside another server when its address is given too.

`python -m bench.prompts http://127.0.0.1:8188 [http://127.0.0.1:8288]`: the nodes are core nodes without a model.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import secrets
import statistics
import time
from collections.abc import Iterable
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

#: Seconds in which a prompt must have ended.
PATIENCE = 120.0
#: Pictures of prompts that must not find each other's results differ in this.
_colours = itertools.count(secrets.randbelow(1 << 22))


def chain(nodes: int, colour: int) -> dict[str, Any]:
    """A prompt of so many nodes in a row: a picture, inverted many times, previewed."""
    image = {"width": 16, "height": 16, "batch_size": 1, "color": colour}
    prompt: dict[str, Any] = {"0": {"class_type": "EmptyImage", "inputs": image}}
    for number in range(1, nodes - 1):
        prompt[str(number)] = {"class_type": "ImageInvert", "inputs": {"image": [str(number - 1), 0]}}
    prompt["out"] = {"class_type": "PreviewImage", "inputs": {"images": [str(nodes - 2), 0]}}
    return prompt


class Server:
    """A ComfyUI-compatible server, and a client's connection to it."""

    def __init__(self, http: httpx.AsyncClient, socket: ClientConnection, client_id: str) -> None:
        self._http = http
        self._socket = socket
        self._client_id = client_id

    async def milliseconds(self, prompts: Iterable[dict[str, Any]]) -> float:
        """From the submission of a prompt to the message that it has ended, one after the other; the median."""
        return statistics.median([await self._one(prompt) for prompt in prompts])

    async def milliseconds_together(self, prompts: list[dict[str, Any]]) -> float:
        """The same for prompts that are all submitted at once, divided by their number."""
        began = time.perf_counter()
        wanted = set(await asyncio.gather(*map(self._submit, prompts)))
        await self._until_ended(wanted)
        return (time.perf_counter() - began) / len(prompts) * 1e3

    async def _one(self, prompt: dict[str, Any]) -> float:
        began = time.perf_counter()
        await self._until_ended({await self._submit(prompt)})
        return (time.perf_counter() - began) * 1e3

    async def _submit(self, prompt: dict[str, Any]) -> str:
        response = await self._http.post("/prompt", json={"prompt": prompt, "client_id": self._client_id})
        response.raise_for_status()
        return str(response.json()["prompt_id"])

    async def _until_ended(self, prompt_ids: set[str]) -> None:
        async with asyncio.timeout(PATIENCE):
            while prompt_ids:
                frame = await self._socket.recv()
                message = json.loads(frame) if isinstance(frame, str) else {}
                if message.get("type") == "executing" and message["data"]["node"] is None:
                    prompt_ids.discard(message["data"]["prompt_id"])


async def measured(url: str) -> dict[str, float]:
    """Milliseconds per prompt of each kind."""
    client_id = secrets.token_hex(8)
    address = f"{url.replace('http', 'ws', 1).rstrip('/')}/ws?clientId={client_id}"
    async with (
        httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as http,
        connect(address, max_size=None, max_queue=None, proxy=None) as socket,
    ):
        server = Server(http, socket, client_id)
        await server.milliseconds(new(3, 5))
        (again,) = new(100, 1)
        return {
            "3 nodes": await server.milliseconds(new(3, 40)),
            "3 nodes, 100 prompts at once": await server.milliseconds_together(new(3, 100)),
            "100 nodes": await server.milliseconds(new(100, 10)),
            "100 nodes, cached": await server.milliseconds([again] * 11),
            "500 nodes": await server.milliseconds(new(500, 3)),
        }


def new(nodes: int, count: int) -> list[dict[str, Any]]:
    """Prompts that nobody has run yet."""
    return [chain(nodes, next(_colours)) for _ in range(count)]


async def main() -> None:
    """Measure one server after the other, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs="+", metavar="URL")
    urls = parser.parse_args().urls[:2]
    results = [await measured(url) for url in urls]
    print(f"{'ms per prompt':<32}" + "".join(f"{url:>26}" for url in urls) + ("    ratio" if len(urls) > 1 else ""))
    for label in results[0]:
        values = [result[label] for result in results]
        ratio = f"{values[1] / values[0]:>9.2f}" if len(values) > 1 else ""
        print(f"{label:<32}" + "".join(f"{value:>26.1f}" for value in values) + ratio)


if __name__ == "__main__":
    asyncio.run(main())
