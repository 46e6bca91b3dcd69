"""Ways to end the process."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from typing import Any, NoReturn


def _segfault(image: Any) -> NoReturn:
    ctypes.string_at(0)
    raise AssertionError("address 0 could be read")


def _kill(image: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("survived")


def _hang_up(image: Any) -> NoReturn:
    """Close every file, the way to the agent included."""
    os.closerange(3, 1024)
    time.sleep(60)
    raise AssertionError("nobody minded")


def _speak_out_of_turn(image: Any) -> NoReturn:
    """Write into every file that is open, as to a descriptor that is another's by now."""
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\x00\x00\x00\x05hello")
        except OSError:
            continue
    time.sleep(60)
    raise AssertionError("nobody minded")


def _allocate(image: Any) -> Any:
    """Takes memory until there is none."""
    held = []
    while True:
        held.append(bytearray(b"x" * (64 << 20)))


ENDING: dict[str, Callable[[Any], Any]] = {
    "exit with 2": lambda image: os._exit(2),
    "segfault": _segfault,
    "be killed": _kill,
    "hang up": _hang_up,
    "speak out of turn": _speak_out_of_turn,
    "allocate": _allocate,
}
