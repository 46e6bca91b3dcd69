"""What all prompts share of the worker's process, put right when a node has changed it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import TextIO

import torch

_INPUT, _OUTPUT, _ERROR = 0, 1, 2


class SharedState:
    """The standard streams, the working directory, and torch's defaults, as they are when this is made.

    Without it a node that closes the standard error makes the next file that anybody opens take its place, and the
    log is written into that.
    """

    def __init__(self, stream_renewed: Callable[[], None]) -> None:
        """`stream_renewed` is called when `sys.stderr` is another one, as it had been closed."""
        self._stream_renewed = stream_renewed
        self._copies = {descriptor: os.dup(descriptor) for descriptor in (_INPUT, _OUTPUT, _ERROR)}
        self._files = {descriptor: _file_of(descriptor) for descriptor in self._copies}
        self._output, self._errors = sys.stdout, sys.stderr
        self._folder = os.getcwd()
        self._tensor = torch.empty(0)

    def restore(self) -> None:
        """Make everything as it was; costs microseconds when nothing has changed."""
        for descriptor, copy in self._copies.items():
            if _file_of(descriptor) != self._files[descriptor]:
                os.dup2(copy, descriptor)
        if getattr(self._output, "closed", False):  # a pack may have put anything there
            self._output = _writer(_OUTPUT)
        sys.stdout = self._output
        if getattr(self._errors, "closed", False):
            sys.stderr = self._errors = _writer(_ERROR)
            self._stream_renewed()
        sys.stderr = self._errors
        with contextlib.suppress(OSError):  # the folder may be gone
            os.chdir(self._folder)
        made, kept = torch.empty(0), self._tensor
        if made.dtype != kept.dtype:
            torch.set_default_dtype(kept.dtype)
        if made.device != kept.device:
            torch.set_default_device(None if kept.device.type == "cpu" else kept.device)


def _file_of(descriptor: int) -> tuple[int, int] | None:
    """What identifies the file that is open there; None when none is."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _writer(descriptor: int) -> TextIO:
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
