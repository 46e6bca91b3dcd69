"""How often a server can tell its node classes: `python -m bench.object_info [URL]`.

Without a URL a stack of its own is started. The last lines say how often this machine could serialise the same answer
for each request, as a server that keeps none does, in a process that does nothing else.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import statistics
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from bench.client import connected, own_stack

ROUNDS = 5
SECONDS = 1.0
CONNECTIONS = 4


async def asked(url: str, headers: dict[str, str]) -> tuple[dict[str, str], int]:
    """Ask on kept connections for a while; the last answer's headers, and how often it was answered."""
    address = urlsplit(url)
    lines = [f"GET /object_info HTTP/1.1\r\nHost: {address.netloc}", *(f"{name}: {it}" for name, it in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    until = time.perf_counter() + SECONDS
    said: dict[str, str] = {}

    async def client() -> int:
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 22)
        answers = 0
        while time.perf_counter() < until:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            for line in filter(None, head[1:]):
                name, _, value = line.partition(": ")
                said[name.lower()] = value
            if " 304 " not in head[0]:
                await reader.readexactly(int(said["content-length"]))
            answers += 1
        writer.close()
        return answers

    return said, sum(await asyncio.gather(*[client() for _ in range(CONNECTIONS)]))


def per_second(work: Callable[[], object]) -> float:
    """How often this process can do something."""
    began, times = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        work()
        times += 1
    return times / (time.perf_counter() - began)


async def measure(url: str) -> None:
    """Measure in interleaved rounds, and print a table."""
    async with connected(url) as client:
        body = await client.get("/object_info")
    classes = json.loads(body)
    rates: dict[str, list[float]] = {}

    def show(what: str, rate: float) -> None:
        rates.setdefault(what, []).append(rate)

    for _ in range(ROUNDS):
        _, times = await asked(url, {"Accept-Encoding": "identity"})
        show("as it is", times / SECONDS)
        said, times = await asked(url, {"Accept-Encoding": "gzip"})
        show("gzip", times / SECONDS)
        _, times = await asked(url, {"Accept-Encoding": "gzip", "If-None-Match": said.get("etag", "none")})
        show("known to the client", times / SECONDS)
        show("json.dumps for each request", per_second(lambda: json.dumps(classes).encode()))
        show("the same, and gzip", per_second(lambda: gzip.compress(json.dumps(classes).encode(), 6)))
    print(f"{len(classes)} classes, {len(body)} bytes of JSON; answers per second, median [best] of {ROUNDS} rounds")
    for what, values in rates.items():
        print(f"  {what:<30} {statistics.median(values):8.0f} [{max(values):.0f}]")


async def main() -> None:
    """Measure the server at the URL, or one of our own."""
    if len(sys.argv) > 1:
        await measure(sys.argv[1])
        return
    async with own_stack() as stack:
        await measure(stack.url)


if __name__ == "__main__":
    asyncio.run(main())
