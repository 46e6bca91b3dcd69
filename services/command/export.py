"""Print everything that is known about a prompt as one JSON document, to reproduce it or to account for it."""

from __future__ import annotations

import sys
from pathlib import Path

from services.command.asking import AskingSettings
from services.command.interruptible import run_until_signal
from services.errors import InvalidArgument
from services.queue.client import QueueClient
from services.settings import REQUIRED, setting, settings


@settings
class Settings(AskingSettings):
    """What `silverprint export` takes."""

    prompt_id: str = setting(default=REQUIRED, help="the prompt's id")
    output: Path | None = setting(default=None, help="file to write to, instead of the standard output")


def main(settings: Settings) -> int:
    """Write the document; returns 0 when it is there, 130 when a signal came first.

    Raises:
        NotFound: there is no such prompt.
        Unavailable: no queue answers there.
        InvalidArgument: the file cannot be written.
    """
    document = run_until_signal(_exported(settings))
    if document is None:
        return 130
    if settings.output is None:
        sys.stdout.buffer.write(document + b"\n")
        return 0
    try:
        settings.output.write_bytes(document + b"\n")
    except OSError as error:
        raise InvalidArgument(f"{settings.output} cannot be written: {error.strerror}") from error
    return 0


async def _exported(settings: Settings) -> bytes:
    async with QueueClient(settings.queue, settings.security) as queue:
        return await queue.export(settings.prompt_id)
