"""What asking for a key adds to a request: `python -m bench.access`.

An application that answers at once is called without a gate and with one, in turn, in this process: what a server does
around it is the same for both. The key is known, as it is for all requests of ten seconds but the first.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.path import show
from services.gateway.access.gate import Gate
from services.gateway.access.known_keys import KnownKeys
from services.queue.api_keys.records import ApiKey
from services.queue.api_keys.secret import Secret

REQUESTS = 2_000
ROUNDS = 15

SECRET = Secret.new()
KEY = str(SECRET).encode()

#: How a request shows the key, and the headers that a client sends anyway.
USUAL = [(b"host", b"127.0.0.1:8188"), (b"accept", b"*/*"), (b"accept-encoding", b"gzip"), (b"user-agent", b"bench")]
WAYS: dict[str, tuple[list[tuple[bytes, bytes]], bytes]] = {
    "X-API-Key": ([(b"x-api-key", KEY)], b""),
    "Authorization": ([(b"authorization", b"Bearer " + KEY)], b""),
    "?token=": ([], b"token=" + KEY),
    "a browser's cookie": ([(b"cookie", b"theme=dark; silverprint-key=" + KEY)], b""),
}


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """An answer of two messages."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def receive() -> Any:
    """The end of a request without a body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    """Nowhere."""


async def ask(_: str) -> ApiKey:
    """What the queue says, once in ten seconds."""
    return ApiKey(key_id=SECRET.key_id, user_id="alice", created_at=0.0, requests_per_minute=1 << 30)


async def took(app: ASGIApp, headers: list[tuple[bytes, bytes]], query: bytes) -> float:
    """Seconds of a request."""
    began = time.perf_counter()
    for _ in range(REQUESTS):
        scope: Scope = {
            "type": "http",
            "method": "GET",
            "path": "/queue",
            "scheme": "http",
            "query_string": query,
            "headers": [*USUAL, *headers],
        }
        await app(scope, receive, send)
    return (time.perf_counter() - began) / REQUESTS


async def main() -> None:
    """Measure each way."""
    gated = Gate(answer, KnownKeys(ask))
    for way, (headers, query) in WAYS.items():
        added = [await took(gated, headers, query) - await took(answer, headers, query) for _ in range(ROUNDS)]
        show(way, added, 1e6, "us")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
