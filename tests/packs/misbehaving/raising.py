"""Ways to raise."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import torch


class Unspeakable(Exception):
    """Cannot be told."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class Nameless(Exception):
    """Says something that is no text."""

    def __str__(self) -> str:
        return None  # type: ignore[return-value]


class Fatal(BaseException):
    """Not an `Exception`."""


def _raising(error: Callable[[], BaseException]) -> Callable[[Any], NoReturn]:
    def run(image: Any) -> NoReturn:
        raise error()

    return run


def _recurse(image: Any) -> Any:
    return _recurse(image)


def _allocate_a_petabyte(image: Any) -> Any:
    return (torch.empty(1 << 50),)


def _exit_within_a_handler(image: Any) -> NoReturn:
    try:
        raise ValueError("first")
    except ValueError:
        sys.exit("with a reason")


def _chain(image: Any) -> NoReturn:
    error: Exception = ValueError("the first of many")
    for _ in range(5000):
        following = ValueError("another")
        following.__cause__ = error
        error = following
    raise error


RAISING: dict[str, Callable[[Any], Any]] = {
    "raise ValueError": _raising(lambda: ValueError("it cannot be done with /etc/secret/file.txt")),
    "raise KeyboardInterrupt": _raising(KeyboardInterrupt),
    "raise SystemExit": _raising(lambda: SystemExit(3)),
    "raise SystemExit in a handler": _exit_within_a_handler,
    "raise CancelledError": _raising(asyncio.CancelledError),
    "raise GeneratorExit": _raising(GeneratorExit),
    "raise StopIteration": _raising(StopIteration),
    "raise StopAsyncIteration": _raising(StopAsyncIteration),
    "raise MemoryError": _raising(MemoryError),
    "raise OutOfMemoryError": _raising(lambda: torch.OutOfMemoryError("CUDA out of memory. Tried 20.00 GiB.")),
    "allocate a petabyte": _allocate_a_petabyte,
    "raise RecursionError": _recurse,
    "raise BaseException": _raising(lambda: Fatal("all is lost")),
    "raise ExceptionGroup": _raising(lambda: ExceptionGroup("several", [ValueError("one"), TypeError("two")])),
    "raise what cannot be told": _raising(Unspeakable),
    "raise what has no text": _raising(Nameless),
    "raise a long message": _raising(lambda: ValueError("x" * (50 << 20))),
    "raise a surrogate": _raising(lambda: ValueError("\ud800")),
    "raise a long chain": _chain,
}
