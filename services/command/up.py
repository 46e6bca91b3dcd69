"""Run queue, files, executor and gateway as processes of this machine, until Ctrl-C."""

from __future__ import annotations

import sys

from services.command.interruptible import run_until_signal
from services.command.stack import StackSettings, running_stack
from services.errors import Unavailable

Settings = StackSettings


def main(settings: StackSettings) -> int:
    """Serve until SIGTERM or SIGINT; returns 0 then.

    Raises:
        ServiceError: the stack could not start (see `running_stack`), or a service gave up.
    """
    run_until_signal(_serve(settings))
    return 0


async def _serve(settings: StackSettings) -> None:
    async with running_stack(settings) as stack:
        print(f"Silverprint is ready at {stack.url} (Ctrl-C stops it)", file=sys.stderr, flush=True)
        raise Unavailable(f"{await stack.failed} gave up, see its message above")
