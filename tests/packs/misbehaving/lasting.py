"""Ways to go on for longer than anybody waits; each says when it has begun."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from services.executor.engine.context import current_context


def begin(what: str) -> None:
    """Tell whoever reads the log."""
    sys.stdout.write(f"misbehaving: {what} begins\n")


def report(image: Any = None) -> NoReturn:
    """The way of a sampler."""
    begin("report")
    while True:
        current_context().progress(1, 2)
        time.sleep(0.01)


def sleep(image: Any = None) -> NoReturn:
    """Hears nothing."""
    begin("sleep")
    while True:
        time.sleep(60)


def _swallow(image: Any) -> NoReturn:
    """Hears, and does not care."""
    begin("swallow")
    while True:
        try:
            current_context().raise_if_interrupted()
            time.sleep(0.01)
        except BaseException:
            continue


def _match(image: Any) -> Any:
    """Keeps the interpreter for itself, in C."""
    begin("match")
    return (image if re.match(r"(a+)+$", "a" * 64 + "b") else None,)


async def _await(image: Any) -> NoReturn:
    begin("await")
    await asyncio.Event().wait()
    raise AssertionError("nobody set it")


LASTING: dict[str, Callable[[Any], Any]] = {
    "report": report,
    "sleep": sleep,
    "swallow": _swallow,
    "match": _match,
    "await": _await,
}
