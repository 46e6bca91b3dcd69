"""What saved pictures' names begin with: tokens, subfolders, and what may not be."""

from __future__ import annotations

import re
from datetime import datetime

from services.errors import InvalidArgument
from services.files.names import parse_prefix
from services.files.records import FileKind, FileName

_TOKEN = re.compile(r"%(width|height|year|month|day|hour|minute|second)%")


def name_to_number(kind: FileKind, prefix: str, width: int, height: int, now: datetime) -> FileName:
    """The name whose filename the pictures' numbers are added to.

    `%width%`, `%height%` and the parts of the time get their values; anything else between signs stays, as it is the
    frontend's to expand.

    Raises:
        InvalidArgument: the prefix leads out of the folder, or cannot begin a name.
    """
    values = {"width": str(width), "height": str(height), "year": str(now.year)}
    values |= {part: f"{getattr(now, part):02}" for part in ("month", "day", "hour", "minute", "second")}
    try:
        return parse_prefix(kind, _TOKEN.sub(lambda match: values[match[1]], prefix))
    except InvalidArgument as error:
        raise InvalidArgument(f"filename_prefix: {error.message}") from error


def for_item(filename: str, index: int) -> str:
    """The beginning of the filename for one item of a batch."""
    return filename.replace("%batch_num%", str(index))
