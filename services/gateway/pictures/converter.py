"""Has pictures converted: a few processes that are started when they are needed, and killed when they take too long."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio import IncompleteReadError
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

import msgspec

from services.errors import Unavailable
from services.gateway.errors import BadRequest
from services.gateway.pictures.orders import LENGTH, MAX_BYTES, Made, Order, Refused, Task, frame
from services.gateway.spool import SpooledContent

log = logging.getLogger(__name__)

#: Conversions at once; more wait.
CONCURRENCY = 2

#: Conversions that wait for their turn; more are refused.
MAX_WAITING = 64

#: Seconds that a conversion may take.
PATIENCE = 30.0

#: Bytes that are taken from a converting process at once.
_READ_BYTES = 256 << 10

#: What a converting process needs of the environment; credentials are not among it.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL")


@dataclass(frozen=True)
class Source:
    """A picture to be converted: its content, and how many bytes that has."""

    size: int
    content: AsyncIterable[bytes]


class PictureConverter:
    """Converts pictures; an async context manager, since its processes end with it."""

    def __init__(self, patience: float = PATIENCE) -> None:
        """A converter that gives a conversion `patience` seconds."""
        self._patience = patience
        self._turn = asyncio.Semaphore(CONCURRENCY)
        self._waiting = 0
        self._idle: list[Process] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._idle:
            await _kill(self._idle.pop())

    @asynccontextmanager
    async def converted(self, task: Task, *sources: Source) -> AsyncIterator[SpooledContent]:
        """What becomes of the pictures; it is gone when the block ends. What reading a source raises passes through.

        Raises:
            BadRequest: a source is no picture that can be read or too large a one, they do not fit together, or it
                takes too long.
            Unavailable: too many others wait.
        """
        for source in sources:
            if source.size > MAX_BYTES:
                raise BadRequest(f"a file of {source.size} bytes is too large to convert")
        result = SpooledContent()
        try:
            await self._in_turn(task, sources, result)
            yield result
        finally:
            result.close()

    async def _in_turn(self, task: Task, sources: tuple[Source, ...], result: SpooledContent) -> None:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("too many pictures wait to be converted")
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            await self._attempt(task, sources, result)
        finally:
            self._turn.release()

    async def _attempt(self, task: Task, sources: tuple[Source, ...], result: SpooledContent) -> None:
        process = self._idle.pop() if self._idle else await _start()
        try:
            async with asyncio.timeout(self._patience):
                answer = await _exchange(process, task, sources, result)
        except TimeoutError as error:
            await _kill(process)
            raise BadRequest(f"the picture cannot be converted within {self._patience:g} seconds") from error
        except (IncompleteReadError, ConnectionError) as error:
            log.warning("a process that converts pictures died (%d)", await _kill(process))
            raise BadRequest("the picture cannot be converted") from error
        except BaseException:
            await _kill(process)
            raise
        self._idle.append(process)
        if isinstance(answer, Refused):
            raise BadRequest(answer.message)


async def _start() -> Process:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.gateway.pictures.worker"),
        stdin=PIPE,
        stdout=PIPE,
        # Decoders complain there about what strangers sent.
        stderr=DEVNULL,
        limit=_READ_BYTES,
        start_new_session=True,
        env=environment,
    )


async def _exchange(
    process: Process, task: Task, sources: tuple[Source, ...], result: SpooledContent
) -> Made | Refused:
    """Hand over an order, and take the answer and the result.

    Raises:
        IncompleteReadError, ConnectionError: the process is gone.
    """
    assert process.stdin
    assert process.stdout
    process.stdin.write(frame(Order(task, tuple(source.size for source in sources))))
    for source in sources:
        async for chunk in source.content:
            process.stdin.write(chunk)
            await process.stdin.drain()
    length = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))[0]
    answer = msgspec.msgpack.decode(await process.stdout.readexactly(length), type=Made | Refused)
    if isinstance(answer, Made):
        while result.size < answer.size:
            await result.write(await process.stdout.readexactly(min(_READ_BYTES, answer.size - result.size)))
    return answer


async def _kill(process: Process) -> int:
    """End a process for certain; returns its exit code."""
    with suppress(ProcessLookupError):
        process.kill()
    return await process.wait()
