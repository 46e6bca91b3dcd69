"""Queues as real processes."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 20.0  # seconds, for a process to start or end on a busy machine


@dataclass
class Service:
    process: asyncio.subprocess.Process
    address: str
    #: what it wrote to standard error before it listened
    said: list[bytes]

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


@asynccontextmanager
async def service(data: Path, *flags: str, listen: str = "127.0.0.1:0") -> AsyncIterator[Service]:
    arguments = ["-m", "services.queue", "--listen", listen, "--data", str(data), *flags]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=asyncio.subprocess.PIPE)
    draining: asyncio.Task[None] | None = None
    try:
        said: list[bytes] = []
        address = await asyncio.wait_for(_address(process, said), PATIENCE)
        draining = asyncio.create_task(_drain(process))
        yield Service(process, address, said)
    finally:
        if draining is not None:
            draining.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Read what it says: a process whose pipe is full stands still."""
    assert process.stderr is not None
    while await process.stderr.read(1 << 16):
        pass


async def _address(process: asyncio.subprocess.Process, said: list[bytes]) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        said.append(line)
        if b"listening on" in line:
            return line.decode().split()[-1]
    raise AssertionError(b"".join(said).decode() or "the queue ended before it listened")
