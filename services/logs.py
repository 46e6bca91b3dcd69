"""Logging for every process: one line per record, to standard error, for people or for programs.

What a line is about goes with it, `extra=about(prompt_id=prompt_id)`: as fields of the JSON, and as `name=value` at the
end of the line that people read.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any

import msgspec

from services.errors import InvalidArgument

LEVEL_VARIABLE = "SILVERPRINT_LOG_LEVEL"
FORMAT_VARIABLE = "SILVERPRINT_LOG_FORMAT"

#: For people, and for programs: one JSON object per line.
CONSOLE, JSON = "console", "json"

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def configure_logging(service: str = "") -> None:
    """Send records to standard error, from the level and in the format that the environment says.

    Raises:
        InvalidArgument: there is no such level or format.
    """
    level = os.environ.get(LEVEL_VARIABLE, "INFO").upper()
    if level not in logging.getLevelNamesMapping():
        raise InvalidArgument(f"{LEVEL_VARIABLE} is DEBUG, INFO, WARNING or ERROR, not {level!r}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter(service) if is_json() else _ConsoleFormatter(_FORMAT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # One line per request is the access log of a proxy, not of an application.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def is_json() -> bool:
    """Whether lines are for programs.

    Raises:
        InvalidArgument: the environment names another format.
    """
    format = os.environ.get(FORMAT_VARIABLE, CONSOLE)
    if format not in (CONSOLE, JSON):
        raise InvalidArgument(f"{FORMAT_VARIABLE} is {CONSOLE} or {JSON}, not {format!r}")
    return format == JSON


def about(**fields: Any) -> dict[str, Any]:
    """What a line is about, as `extra` of a log call; empty values are left out."""
    return {"about": {name: value for name, value in fields.items() if value not in ("", None)}}


class _ConsoleFormatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _about(record).items())
        return f"{super().formatMessage(record)} {fields}".rstrip()


class _JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        milliseconds = int(record.msecs)
        line = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{milliseconds:03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **_about(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def _about(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "about", {})
    return fields
