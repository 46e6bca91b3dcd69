"""A ComfyUI client, and a stack of our own for it to talk to."""

from __future__ import annotations

import contextlib
import json
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import websockets

from services.command.stack import RunningStack, StackSettings, running_stack

#: Seconds in which a prompt must have ended.
PATIENCE = 120.0


class Client:
    """Submits prompts and waits for its own to end."""

    def __init__(self, http: httpx.AsyncClient, socket: websockets.ClientConnection, client_id: str) -> None:
        self._http = http
        self._socket = socket
        self._client_id = client_id

    async def submit(self, graph: dict[str, Any]) -> str:
        """Queue a prompt; returns its id."""
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

    async def run(self, graph: dict[str, Any]) -> None:
        """Submit a prompt and wait for its end."""
        await self.ended({await self.submit(graph)})

    async def get(self, path: str) -> bytes:
        """The body of an answer."""
        return (await self._http.get(path)).raise_for_status().content


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    """A client of the server at `url`."""
    client_id = uuid.uuid4().hex
    address = f"{url.replace('http', 'ws', 1).rstrip('/')}/ws?clientId={client_id}"
    async with (
        httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as http,
        websockets.connect(address, max_size=None, max_queue=None, proxy=None) as socket,
    ):
        yield Client(http, socket, client_id)


@contextlib.asynccontextmanager
async def own_stack(*custom_nodes: Path) -> AsyncIterator[RunningStack]:
    """A stack with an empty data folder, and the packs in these folders."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        wanted = StackSettings(
            port=0, queue_port=0, files_port=0, data=data, models=(data / "models",), custom_nodes=custom_nodes
        )
        async with running_stack(wanted) as stack:
            yield stack
