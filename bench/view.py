"""How fast a picture comes through `/view`, beside a server with `sendfile`: `python -m bench.view [MB]`."""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROUNDS = 15

#: aiohttp sends a FileResponse by the system's sendfile, as the reference does.
SENDFILE = """
import sys
from aiohttp import web
app = web.Application()
app.router.add_get("/view", lambda request: web.FileResponse(sys.argv[1]))
async def ready(app):
    print("ready", file=sys.stderr, flush=True)
app.on_startup.append(ready)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None)
"""


@contextmanager
def process(ready: str, *command: str) -> Iterator[tuple[psutil.Process, str]]:
    """A process until the end of the block, once a line of its log ends with an address behind these words."""
    running = subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True)
    try:
        assert running.stderr
        line = next(line for line in running.stderr if ready in line)
        yield psutil.Process(running.pid), line.split()[-1]
    finally:
        running.terminate()
        running.communicate()


def service(name: str, *flags: str) -> tuple[str, ...]:
    """The command of a service that listens anywhere."""
    return ("-m", f"services.{name}", "--metrics-listen", "", *flags)


def fetch(address: str, path: str, expected: int) -> float:
    """MB per second of one request over a new connection."""
    buffer = bytearray(1 << 20)
    began = time.perf_counter()
    connection = http.client.HTTPConnection(address)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200
    got = 0
    while count := answer.readinto(buffer):
        got += count
    connection.close()
    assert got == expected
    return got / 1e6 / (time.perf_counter() - began)


def free_port() -> int:
    """A port that nobody has, for now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(megabytes: int) -> None:
    """Measure in interleaved rounds and print a table."""
    size = megabytes * 1_000_000
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        data = Path(folder)
        (data / "output").mkdir()
        path = data / "output" / "picture.png"
        path.write_bytes(os.urandom(size))
        port = free_port()
        with (
            process("listening on", *service("queue", "--listen", "127.0.0.1:0", "--data", folder)) as (_, queue),
            process("listening on", *service("files", "--listen", "127.0.0.1:0", "--data", folder)) as (files, address),
            process("ready", "-c", SENDFILE, str(path), str(port)),
            process(
                "listening on", "-m", "services.gateway", *("--port", "0", "--queue", queue, "--files", address)
            ) as (gateway, url),
        ):
            ours = url.removeprefix("http://").rstrip("/")
            rates: dict[str, list[float]] = {"sendfile": [], "/view": []}
            before = {it.pid: sum(it.cpu_times()[:2]) for it in (gateway, files)}
            for _ in range(ROUNDS):
                rates["sendfile"].append(fetch(f"127.0.0.1:{port}", "/view", size))
                rates["/view"].append(fetch(ours, "/view?filename=picture.png", size))
            print(f"a picture of {megabytes} MB, MB/s: median [best] of {ROUNDS} interleaved rounds")
            for what, values in rates.items():
                print(f"  {what:10} {statistics.median(values):8.0f} [{max(values):.0f}]")
            pairs = zip(rates["/view"], rates["sendfile"], strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            print(f"  ratio {ratio:.2f}")
            for name, it in (("gateway", gateway), ("files", files)):
                print(f"  CPU of the {name}: {(sum(it.cpu_times()[:2]) - before[it.pid]) / ROUNDS * 1e3:.0f} ms each")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
