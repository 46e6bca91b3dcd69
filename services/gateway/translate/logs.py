"""Lines of the log, in ComfyUI's words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

from services.queue.logs import LogLine


class LogEntry(TypedDict):
    """A line and its time, which is local and has no zone."""

    t: str
    m: str


class TerminalSize(TypedDict):
    """How many characters a terminal has."""

    cols: int
    rows: int


class RawLogsResponse(TypedDict):
    """Lines of the log, and the size of the terminal that they were written to."""

    entries: list[LogEntry]
    size: TerminalSize | None


def logs(lines: Iterable[LogLine]) -> RawLogsResponse:
    """Lines with their times; there is no terminal that would have a size."""
    return {"entries": [{"t": _time(line), "m": line.text} for line in lines], "size": None}


def log_text(lines: Iterable[LogLine]) -> str:
    """The same as one text."""
    return "".join(f"{_time(line)} - {line.text}" for line in lines)


def _time(line: LogLine) -> str:
    """The local time, as ISO 8601 has it, without a zone."""
    return datetime.fromtimestamp(line.written_at).isoformat(timespec="microseconds")
