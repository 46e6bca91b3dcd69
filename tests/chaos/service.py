"""One process of the system under test: started, killed, held, let go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from services.command.process import PARENT_VARIABLE

#: Seconds that a process has to end when it is asked to.
END_PATIENCE = 60.0


class Service:
    """`silverprint NAME …`, again and again under the same settings."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path, variables: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self._arguments = arguments
        self._variables = variables
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the present process."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start a process; its output goes to the log."""
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services",
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **self._variables, PARENT_VARIABLE: str(os.getpid()), "PYTHONUNBUFFERED": "1"},
            )

    async def kill(self) -> None:
        """Kill -9; returns when it is gone."""
        self._signal(signal.SIGKILL)
        await self._ended()

    async def terminate(self) -> None:
        """Ask it to end; returns when it has.

        Raises:
            TimeoutError: it does not.
        """
        self._signal(signal.SIGTERM)
        await asyncio.wait_for(self._ended(), END_PATIENCE)

    def freeze(self) -> None:
        """Stop it where it is."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def children(self) -> list[psutil.Process]:
        """The processes that it started: the worker of an executor."""
        try:
            return psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []

    async def close(self) -> None:
        """End it for certain."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    async def _ended(self) -> None:
        assert self._process is not None
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
