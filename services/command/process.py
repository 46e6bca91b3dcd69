"""How every service process lives: uvloop, signals, death of the parent, exit codes."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from services.command.allocation import keep_freed_memory
from services.logs import configure_logging
from services.stopping import Stop

log = logging.getLogger(__name__)

#: Set by a supervisor to its own pid: the process then ends when the supervisor does, however that came about.
PARENT_VARIABLE = "SILVERPRINT_PARENT_PID"

_PR_SET_PDEATHSIG = 1

Run = Callable[[Any, Stop], Awaitable[None]]


def main(name: str) -> int:
    """`python -m services.NAME`."""
    from services.command import line

    return line.main([name, *sys.argv[1:]])


def run_service(name: str, run: Run, settings: Any) -> int:
    """Run a service until SIGTERM or SIGINT.

    Raises:
        ServiceError: the service could not start.
    """
    configure_logging(name)
    die_with_parent()
    keep_freed_memory()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_stopped(run, settings))
    log.info("%s stopped", name)
    return 0


async def _until_stopped(run: Run, settings: Any) -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.ask)
    await run(settings, stop)


def die_with_parent() -> None:
    """Have the kernel send SIGTERM when the supervisor dies (Linux); elsewhere nothing happens."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before we asked
        sys.exit(1)
