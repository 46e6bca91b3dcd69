"""The device worker as its parent sees it: started, spoken to, killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping

import msgspec

from services.errors import DataLoss
from services.executor.ipc import AgentEnd, Configure, FromWorker, LoadingPack, ToWorker

#: The exit code of a worker that cannot work with what it was given.
MISCONFIGURED = 2

#: Seconds that a worker has to end by itself once its end of the socket is closed.
END_GRACE = 0.5


class WorkerProcess:
    """A running `python -m services.executor.worker`."""

    def __init__(self, process: asyncio.subprocess.Process, end: AgentEnd, written: asyncio.StreamReader) -> None:
        self._process = process
        self._end = end
        #: what it and its nodes print; somebody has to read it, or it stops
        self.written = written
        #: the pack of nodes that it is loading, empty when it is not
        self.loading = ""
        self._killed_because = ""

    @classmethod
    async def start(cls, configuration: Configure, left_out: Mapping[str, str]) -> WorkerProcess:
        """Start a worker without the packs `left_out`; it says `NodesLoaded` when it is ready to run prompts."""
        ours, theirs = socket.socketpair()
        written, writing = await _pipe()
        with theirs, os.fdopen(writing):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-u",
                "-m",
                "services.executor.worker",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                # Its own group, so that what nodes start goes with it.
                start_new_session=True,
                env=_environment(),
            )
        worker = cls(process, await AgentEnd.over(ours), written)
        worker.send(msgspec.structs.replace(configuration, left_out=dict(left_out)))
        return worker

    @property
    def is_misconfigured(self) -> bool:
        """Whether it ended because it cannot work with what it was given; another start would not help."""
        return self._process.returncode == MISCONFIGURED

    @property
    def pid(self) -> int:
        """The process id, which is also that of its process group."""
        return self._process.pid

    def send(self, message: ToWorker) -> None:
        """Send a message without waiting."""
        self._end.send(message)

    async def messages(self) -> AsyncIterator[FromWorker]:
        """What the worker says, until it is gone.

        Raises:
            DataLoss: something else wrote to its socket; it has been killed.
        """
        try:
            while (message := await self._end.receive()) is not None:
                if isinstance(message, LoadingPack):
                    self.loading = message.name
                else:
                    yield message
        except DataLoss:
            self.kill("it does not speak our language")
            raise

    def kill(self, because: str) -> None:
        """Kill the worker and everything it started; `because` is for people."""
        self._killed_because = because
        self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> str:
        """Close the socket, wait for the worker to end, kill it when it does not; returns how it ended, for people."""
        self._end.close()
        try:
            async with asyncio.timeout(END_GRACE):
                code = await self._process.wait()
        except TimeoutError:
            self.kill(self._killed_because or "it does not end by itself")
            code = await self._process.wait()
        self._kill_group()  # what it started may have outlived it
        return f"killed ({self._killed_because})" if self._killed_because else _told(code)


async def _pipe() -> tuple[asyncio.StreamReader, int]:
    """A pipe: what comes out of it, and the descriptor to write to."""
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", 0))
    return reader, writing


def _told(code: int) -> str:
    """An exit code, for people."""
    if code >= 0:
        return f"ended with exit code {code}"
    if -code == signal.SIGKILL:
        return f"killed by signal {-code} (as the system does when memory runs out)"
    return f"killed by signal {-code} ({signal.strsignal(-code) or 'of no name'})"


def _environment() -> dict[str, str]:
    """The agent's, with threads of torch that sleep while they wait for each other.

    By default they spin, and on a host whose cores are shared a step of 20 ms then takes seconds.
    """
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
