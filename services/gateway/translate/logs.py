"""Lines of the log, in ComfyUI's words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.queue.logs import LogLine


def logs(lines: Iterable[LogLine]) -> dict[str, Any]:
    """Lines with their times; there is no terminal that would have a size."""
    return {"entries": [{"t": _time(line), "m": line.text} for line in lines], "size": None}


def log_text(lines: Iterable[LogLine]) -> str:
    """The same as one text."""
    return "".join(f"{_time(line)} - {line.text}" for line in lines)


def _time(line: LogLine) -> str:
    """The local time, as ISO 8601 has it, without a zone."""
    return datetime.fromtimestamp(line.written_at).isoformat(timespec="microseconds")
