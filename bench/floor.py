"""What `POST /prompt` takes at least, whatever the code: `python -m bench.floor`.

The parts that the architecture prescribes are measured bare, in one run with the whole: an HTTP request to a uvicorn
that answers at once, a unary gRPC call between two processes, and a row of the size of a tiny prompt that a thread
commits to SQLite with FULL sync, as the queue does.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import queue
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc
import httpx
import uvicorn
import uvloop

from bench.client import connected, own_stack
from bench.path import tiny_prompt
from services.rpc.options import CLIENT_OPTIONS, SERVER_OPTIONS

ROUNDS = 300
#: Of what a tiny prompt writes.
ROW = os.urandom(2_000)


async def main() -> None:
    """Measure the parts and the whole."""
    parts = {"HTTP, answered at once": _http, "gRPC, answered at once": _grpc, "a commit with FULL sync": _commit}
    medians, bests = [], []
    print(f"{'ms':<28}{'median':>9}{'best':>9}")
    for name, measure in parts.items():
        taken = await measure()
        show(name, taken)
        medians.append(statistics.median(taken))
        bests.append(min(taken))
    print(f"{'these together':<28}{sum(medians) * 1e3:>9.2f}{sum(bests) * 1e3:>9.2f}")
    show("POST /prompt", await _whole())


def show(name: str, taken: list[float]) -> None:
    """One line of the table."""
    print(f"{name:<28}{statistics.median(taken) * 1e3:>9.2f}{min(taken) * 1e3:>9.2f}", flush=True)


async def timed(work: Callable[[], Awaitable[object]]) -> list[float]:
    """Seconds of each of many."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return taken[ROUNDS // 10 :]


async def _http() -> list[float]:
    port, process = _child(_serve_http)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        taken = await timed(lambda: client.post("/", content=ROW))
    process.kill()
    return taken


async def _grpc() -> list[float]:
    port, process = _child(_serve_grpc)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CLIENT_OPTIONS) as channel:
        call: Any = channel.unary_unary("/bench.Echo/Echo")
        taken = await timed(lambda: call(ROW))
    process.kill()
    return taken


async def _commit() -> list[float]:
    wanted: queue.SimpleQueue[asyncio.Future[None] | None] = queue.SimpleQueue()
    loop = asyncio.get_running_loop()

    def write(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)")
        while (future := wanted.get()) is not None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO rows (body) VALUES (?)", (ROW,))
            connection.execute("COMMIT")
            loop.call_soon_threadsafe(future.set_result, None)

    async def committed() -> None:
        future: asyncio.Future[None] = loop.create_future()
        wanted.put(future)
        await future

    with tempfile.TemporaryDirectory() as folder:
        thread = threading.Thread(target=write, args=(Path(folder) / "rows",))
        thread.start()
        taken = await timed(committed)
        wanted.put(None)
        thread.join()
    return taken


async def _whole() -> list[float]:
    async with own_stack() as stack, connected(stack.url) as client:
        colours = iter(range(1, 1 << 24))
        await client.run(tiny_prompt(next(colours)))
        taken = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            prompt_id = await client.submit(tiny_prompt(next(colours)))
            taken.append(time.perf_counter() - began)
            await client.ended({prompt_id})
    return taken[ROUNDS // 10 :]


def _child(serve: Callable[[Connection], None]) -> tuple[int, multiprocessing.Process]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    return int(ours.recv()), process


def _serve_http(said: Connection) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    server = uvicorn.Server(
        uvicorn.Config(app, port=0, loop="uvloop", http="httptools", lifespan="off", log_level="error")
    )

    async def serve() -> None:
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)
        said.send(server.servers[0].sockets[0].getsockname()[1])
        await serving

    uvloop.run(serve())


def _serve_grpc(said: Connection) -> None:
    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def serve() -> None:
        server = grpc.aio.server(options=SERVER_OPTIONS)
        handler: Any = grpc.unary_unary_rpc_method_handler(echo)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", {"Echo": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        said.send(port)
        await server.wait_for_termination()

    uvloop.run(serve())


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    uvloop.run(main())
