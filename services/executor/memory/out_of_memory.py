"""Memory that ran out: which failures say so, and whom the system is to end when it has none left."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import torch

from services.executor.engine.failure import type_name
from services.executor.memory.shortage import PHRASES
from services.graph.events import ExecutionFailed

_TYPES = frozenset(map(type_name, (MemoryError, torch.OutOfMemoryError)))

#: Of 1000: counts half of the host's memory against a process, which puts it before every service and its database.
_BADNESS = 500


def says_out_of_memory(failure: ExecutionFailed) -> bool:
    """Whether a node failed for want of memory, of the host or of the device."""
    if failure.exception_type in _TYPES:
        return True
    return failure.exception_type == "RuntimeError" and any(said in failure.exception_message for said in PHRASES)


def be_ended_first(score: Path = Path("/proc/self/oom_score_adj")) -> None:
    """Have the kernel end this process, and those it starts, before others when memory runs out (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):  # a sandbox may not have it
            score.write_text(str(max(_BADNESS, int(score.read_text()))))
