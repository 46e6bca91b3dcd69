"""A process that is kept alive: started, its output prefixed, restarted with backoff, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from services.command.process import PARENT_VARIABLE
from services.logs import is_json

#: Seconds before the first restart; doubled for each further one, up to the longest.
FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 10.0
#: Seconds of life after which a process counts as healthy and the backoff starts over.
HEALTHY_AFTER = 30.0

#: The exit code of a process that cannot start as it was asked to: starting it again would not help.
MISCONFIGURED = 2


@dataclass
class Child:
    """One service process under supervision."""

    name: str
    #: arguments of the `silverprint` command
    arguments: Sequence[str]
    #: variables beside those of this process
    environment: Mapping[str, str] = field(default_factory=dict)
    #: escape sequence that colours the prefix, or nothing
    colour: str = ""
    _process: asyncio.subprocess.Process | None = None
    _stopping: bool = field(default=False)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    async def keep_alive(self) -> int:
        """Run the process, and again when it dies, until `stop`.

        Returns:
            its exit code: 0 after `stop`, `MISCONFIGURED` when it refused to start.
        """
        backoff = FIRST_BACKOFF
        while not self._stopping:
            began = time.monotonic()
            code = await self._run_once()
            if self._stopping or code == MISCONFIGURED:
                return 0 if self._stopping else code
            if time.monotonic() - began > HEALTHY_AFTER:
                backoff = FIRST_BACKOFF
            self._say(f"ended with {_described(code)}, starting again in {backoff:.1f} s")
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, LONGEST_BACKOFF)
        return 0

    async def stop(self, grace: float) -> None:
        """Ask the process to end, and kill it when it has not after `grace` seconds."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), grace)
            except TimeoutError:
                self._say(f"did not end within {grace:.1f} s, killed")
                process.kill()
                await process.wait()

    async def _run_once(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services",
            *self.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops things in order.
            start_new_session=True,
            env={**os.environ, **self.environment, PARENT_VARIABLE: str(os.getpid()), "PYTHONUNBUFFERED": "1"},
        )
        if self._stopping:  # `stop` came while the process was being made
            self._process.terminate()
        copying = asyncio.create_task(self._copy_output(self._process))
        code = await self._process.wait()
        # A grandchild may hold the pipe open after the child is gone.
        await asyncio.wait([copying], timeout=0.5)
        copying.cancel()
        return code

    async def _copy_output(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a line longer than the buffer: asyncio has dropped it
                continue
            if not line:
                return
            self._say(line.decode(errors="replace").rstrip())

    def _say(self, line: str) -> None:
        reset = "\x1b[0m" if self.colour else ""
        sys.stderr.write(
            f"{_as_json(self.name, line)}\n" if is_json() else f"{self.colour}{self.name:<8}{reset} | {line}\n"
        )
        sys.stderr.flush()


def _as_json(service: str, line: str) -> str:
    """A line for programs: what a service wrote as JSON as it is, what nodes and libraries printed as a message."""
    if line.startswith('{"time":'):
        return line
    return msgspec.json.encode({"service": service, "message": line}).decode()


def _described(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
