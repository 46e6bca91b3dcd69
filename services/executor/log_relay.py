"""What the worker and its nodes print: to our own standard error as it comes, and line by line to the queue."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from services.graph.credentials import concealed, credentials
from services.queue.logs import MAX_LINE, LogLine, cut

_STANDARD_ERROR = 2

#: Bytes read at once.
_CHUNK = 64 << 10

#: Seconds that what a worker printed before it ended may take to be passed on.
_FINISH_GRACE = 1.0

#: Prompts whose credentials are looked for in what is printed: some print when their prompt has ended.
_CONCEALED_PROMPTS = 8


class Writer(Protocol):
    """What takes the lines."""

    def write(self, lines: Iterable[LogLine]) -> None:
        """Send lines of the log, some time."""
        ...


class LogRelay:
    """Reads what a worker prints, so that it never waits for a reader."""

    def __init__(self, outbox: Writer, running: Callable[[], str]) -> None:
        """`running` tells the id of the prompt that the worker is at, empty for none."""
        self._outbox = outbox
        self._running = running
        self._credentials: deque[list[str]] = deque(maxlen=_CONCEALED_PROMPTS)

    def conceal(self, extra_data_json: bytes) -> None:
        """Keep the credentials of a prompt out of what the queue is told."""
        if found := credentials(extra_data_json):
            self._credentials.append(found)

    async def follow(self, written: asyncio.StreamReader) -> None:
        """Pass on what is printed until nobody is left who could print."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        rest = ""
        while chunk := await written.read(_CHUNK):
            # In a thread: whoever reads our standard error may be slow, and leases are to be renewed meanwhile.
            await asyncio.to_thread(_print, chunk)
            lines, rest = _split(rest + decoder.decode(chunk))
            self._outbox.write(self._told(lines))
        if rest:
            self._outbox.write(self._told([f"{rest}\n"]))

    async def finish(self, following: asyncio.Task[None]) -> None:
        """Let `follow` come to its end after the worker's; something else may hold its output open still."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(following, _FINISH_GRACE)

    def _told(self, lines: list[str]) -> Iterator[LogLine]:
        known = [credential for found in self._credentials for credential in found]
        for line in lines:
            if line.strip():
                # Of what is cut away, no more is looked through than a credential that begins before it needs.
                text = concealed(line[: 2 * MAX_LINE], known)
                yield cut(LogLine(written_at=time.time(), text=text, prompt_id=self._running()))


def _split(text: str) -> tuple[list[str], str]:
    """The lines of a text, and what follows the last one; a rest that is too long for a line becomes one.

    A line ends with a line feed, or with a carriage return when the next one, say of a progress bar, replaces it.
    """
    *pieces, rest = text.replace("\r\n", "\n").replace("\r", "\r\n").split("\n")
    lines = [piece if piece.endswith("\r") else f"{piece}\n" for piece in pieces]
    if len(rest) >= MAX_LINE:
        return [*lines, f"{rest}\n"], ""
    return lines, rest


def _print(chunk: bytes) -> None:
    with contextlib.suppress(OSError):  # whoever read it has left
        while chunk:
            chunk = chunk[os.write(_STANDARD_ERROR, chunk) :]
