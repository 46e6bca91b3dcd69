"""What executors and the queue write for people, line by line."""

from __future__ import annotations

import msgspec

#: Characters of one line; what is longer is cut.
MAX_LINE = 4096


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line, with the line feed or the carriage return at its end."""

    written_at: float
    text: str
    #: the prompt that ran then, if any
    prompt_id: str = ""
    #: who wrote it; empty for lines of the queue's own
    executor_id: str = ""


class LogLines(msgspec.Struct, frozen=True, tag=True):
    """Lines, oldest first."""

    lines: tuple[LogLine, ...]


class LogFollowers(msgspec.Struct, frozen=True, tag=True):
    """All clients whose sockets are told lines, in place of those before."""

    client_ids: tuple[str, ...]


def cut(line: LogLine) -> LogLine:
    """The line, or its beginning when it is too long."""
    if len(line.text) <= MAX_LINE:
        return line
    return msgspec.structs.replace(line, text=f"{line.text[: MAX_LINE - 2]}…\n")
