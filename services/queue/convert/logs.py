"""Lines of the log, as `silverprint.executor.v1` has them."""

from __future__ import annotations

from services.queue.convert.times import from_us, to_us
from services.queue.logs import LogLine, LogLines
from silverprint.executor.v1 import logs_pb2 as pb


def lines_to_proto(lines: LogLines) -> pb.LogLines:
    """The message of lines."""
    return pb.LogLines(lines=map(_line_to_proto, lines.lines))


def lines_from_proto(message: pb.LogLines) -> LogLines:
    """The lines of a message."""
    return LogLines(tuple(map(_line_from_proto, message.lines)))


def _line_to_proto(line: LogLine) -> pb.LogLine:
    return pb.LogLine(
        written_at_us=to_us(line.written_at), text=line.text, prompt_id=line.prompt_id, executor_id=line.executor_id
    )


def _line_from_proto(message: pb.LogLine) -> LogLine:
    return LogLine(
        written_at=from_us(message.written_at_us),
        text=message.text,
        prompt_id=message.prompt_id,
        executor_id=message.executor_id,
    )
