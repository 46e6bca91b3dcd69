"""Files of any size pass through the gateway without staying in its memory: measured on real processes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.stack import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read from /proc")

MIB = 1 << 20
LARGE = 300 * MIB
PIECE = os.urandom(MIB)

#: What a transfer may cost the gateway, in bytes.
ALLOWED = 20 * MIB

HEAD = b'--b\r\nContent-Disposition: form-data; name="image"; filename="%s"\r\n\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


@dataclass
class Pair:
    """A file service and a gateway over it, each a process."""

    data: Path
    gateway: psutil.Process
    url: str

    @contextmanager
    def peak_below(self, allowed: int) -> Iterator[None]:
        """Check that the block never costs the gateway more memory than this."""
        process = Path("/proc") / str(self.gateway.pid)
        (process / "clear_refs").write_text("5")  # the peak is what it is now
        before = self.gateway.memory_info().rss
        yield
        peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
        assert peak
        assert int(peak[1]) * 1024 - before < allowed

    def upload(self, filename: str, size: int) -> str:
        """Send a file of random bytes; returns the name that it got."""

        def body() -> Iterator[bytes]:
            yield HEAD % filename.encode()
            for _ in range(size // MIB):
                yield PIECE
            yield b"\r\n--b--\r\n"

        answer = httpx.post(f"{self.url}/upload/image", content=body(), headers=FORM, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["name"])

    def view(self, filename: str) -> int:
        """Read a file; returns its size."""
        address = f"{self.url}/view?filename={filename}&type=input"
        with httpx.stream("GET", address, timeout=60, trust_env=False) as answer:
            return sum(len(chunk) for chunk in answer.iter_raw(MIB))


@contextmanager
def service(module: str, *flags: str) -> Iterator[tuple[psutil.Process, str]]:
    """A service as a process of its own, and the address that it listens on."""
    command = [sys.executable, "-m", module, *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            said = next(line for line in process.stderr if "listening on" in line)
            yield psutil.Process(process.pid), said.split()[-1]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both processes, warm."""
    data = tmp_path_factory.mktemp("files")
    with ExitStack() as stack:
        _, files = stack.enter_context(
            service("services.files", "--listen", "127.0.0.1:0", "--data", str(data), "--models", str(data / "models"))
        )
        gateway, address = stack.enter_context(
            service(
                "services.gateway", "--port", "0", "--queue", "127.0.0.1:1", "--files", files, "--max-upload-mb", "400"
            )
        )
        pair = Pair(data, gateway, f"http://{address}")
        pair.upload("warm.bin", 8 * MIB)
        pair.view("warm.bin")
        yield pair


def test_a_large_upload_costs_the_gateway_little(pair: Pair) -> None:
    with pair.peak_below(ALLOWED):
        name = pair.upload("large.bin", LARGE)
    assert (pair.data / "input" / name).stat().st_size == LARGE


def test_a_large_view_costs_the_gateway_little(pair: Pair) -> None:
    name = pair.upload("shown.bin", LARGE)
    with pair.peak_below(ALLOWED):
        assert pair.view(name) == LARGE


def test_a_large_file_of_a_user_costs_the_gateway_little(pair: Pair) -> None:
    address = f"{pair.url}/userdata/large.bin"
    with pair.peak_below(ALLOWED):
        stored = httpx.post(address, content=(PIECE for _ in range(LARGE // MIB)), timeout=60, trust_env=False)
        with httpx.stream("GET", address, timeout=60, trust_env=False) as shown:
            assert sum(len(chunk) for chunk in shown.iter_raw(MIB)) == LARGE
    assert stored.status_code == 200
    assert (pair.data / "user" / "default" / "large.bin").stat().st_size == LARGE


def test_several_at_once_cost_little_more(pair: Pair) -> None:
    with pair.peak_below(2 * ALLOWED), ThreadPoolExecutor(4) as clients:
        names = list(clients.map(lambda number: pair.upload(f"many{number}.bin", 64 * MIB), range(4)))
        assert list(clients.map(pair.view, names)) == [64 * MIB] * 4


def test_clients_that_stop_reading_cost_little(pair: Pair) -> None:
    name = pair.upload("stalled.bin", LARGE)
    request = f"GET /view?filename={name}&type=input HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    host, port = pair.url.removeprefix("http://").split(":")
    with pair.peak_below(2 * ALLOWED), ExitStack() as stack:
        for _ in range(8):
            stalled = stack.enter_context(socket.create_connection((host, int(port))))
            stalled.sendall(request)
            assert stalled.recv(15) == b"HTTP/1.1 200 OK"
        assert pair.view(name) == LARGE


def test_uploads_that_break_off_leave_nothing(pair: Pair) -> None:
    host, port = pair.url.removeprefix("http://").split(":")
    head = f"POST /upload/image HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM['Content-Type']}\r\n"
    open_files = pair.gateway.num_fds()
    for size in (1, 2 * MIB, 40 * MIB):
        with socket.create_connection((host, int(port))) as leaving:
            leaving.sendall(f"{head}Content-Length: {size + 1000}\r\n\r\n".encode() + HEAD % b"cut.bin")
            for _ in range(size // MIB):
                leaving.sendall(PIECE)
    wait_for(lambda: pair.gateway.num_fds() <= open_files, "the closing of what was spooled")
    assert not (pair.data / "input" / "cut.bin").exists()


def test_a_hundred_megabytes_of_json_are_refused(pair: Pair) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"prompt": {"1": "'
        for _ in range(100):
            yield b"x" * MIB
        yield b'"}}'

    with pair.peak_below(40 * MIB):  # a prompt may have thirty
        for path in ("/prompt", "/queue", "/history", "/interrupt", "/free", "/users", "/settings", "/settings/a"):
            with httpx.Client(base_url=pair.url, timeout=60, trust_env=False) as client:
                try:
                    answer = client.post(path, content=body())
                except httpx.TransportError:
                    continue  # it was hung up on while it still sent
                assert answer.status_code == 413
                assert json.loads(answer.content)["error"]["type"] == "too_large"
