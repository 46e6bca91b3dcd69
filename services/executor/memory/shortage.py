"""Memory that ran out: the steps that are taken before work is given up.

From the least that is lost by them to the most: caches are let go of, other models leave the device, the work is done
in smaller parts, the model itself stays on the host in part. Work is done anew after each step, so it has to be work
that may be done twice.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import torch
from torch import nn

from services.executor.memory import counters
from services.executor.memory.planner import MemoryPlanner

log = logging.getLogger(__name__)

T = TypeVar("T")

#: How torch says it in a plain RuntimeError: CUDA's libraries and MPS, its allocator for the CPU, and cuBLAS.
PHRASES = ("out of memory", "can't allocate memory", "ALLOC_FAILED")

#: What a model may keep on the device, of what it has there, when nothing else has helped.
_SHARES = (0.5, 0.0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of the host or of the device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return type(error) is RuntimeError and any(said in str(error) for said in PHRASES)


class Shortage:
    """What is done when memory runs out.

    Attributes:
        caches: each lets go of what is kept for later and can be made anew.
    """

    def __init__(self, planner: MemoryPlanner) -> None:
        self.caches: list[Callable[[], object]] = []
        self._planner = planner

    def survived(
        self,
        doing: str,
        work: Callable[[], T],
        networks: Sequence[nn.Module] = (),
        smaller: Callable[[], T] | None = None,
        step: str = "",
    ) -> T:
        """What `work` gives, after as many steps as that takes.

        Args:
            doing: what it is, for the log and the message.
            networks: those that compute.
            smaller: the same work in smaller parts, `step` being its name, one of `counters`.

        Raises:
            torch.OutOfMemoryError, MemoryError: nothing has helped; the message says what was tried.
        """
        steps = self._steps(networks, None if smaller is None else step)
        tried: list[str] = []
        while True:
            try:
                return work()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                failure = _bare(error)
            taken = next((name for name, takes_effect in steps if takes_effect()), None)
            if taken is None:
                self._count(counters.FAIL, doing, failure)
                raise self._error(doing, tried, failure) from failure
            work = smaller if taken == step and smaller is not None else work
            tried.append(taken)
            self._count(taken, doing, failure)

    def note(self, step: str, doing: str) -> None:
        """Count a step that was taken because memory would have run out."""
        self._planner.counters.steps[step] += 1
        log.info("%s: step=%s reason=estimate device=%s", doing, step, self._planner.memory.device)

    def _steps(self, networks: Sequence[nn.Module], smaller: str | None) -> Iterator[tuple[str, Callable[[], bool]]]:
        yield counters.FREE_CACHES, self._free_caches
        yield counters.UNLOAD_MODELS, lambda: self._planner.unload(keep=networks) > 0
        if smaller is not None:
            yield smaller, lambda: True
        for share in _SHARES:
            yield counters.PARTIAL_LOAD, partial(self._planner.shrink, networks, share)

    def _free_caches(self) -> bool:
        for let_go in self.caches:
            let_go()
        gc.collect()
        self._planner.memory.give_back()
        return True

    def _count(self, step: str, doing: str, failure: BaseException) -> None:
        self._planner.counters.steps[step] += 1
        log.warning(
            "memory ran out, %s: step=%s device=%s room=%d error=%s",
            *(doing, step, self._planner.memory.device, self._planner.room(), _first_line(failure)),
        )

    def _error(self, doing: str, tried: Sequence[str], failure: BaseException) -> Exception:
        device, gigabytes = self._planner.memory.device, self._planner.room() / (1 << 30)
        kind = torch.OutOfMemoryError if isinstance(failure, torch.OutOfMemoryError) else MemoryError
        return kind(
            f"not enough memory on {device} for {doing}, although these steps were taken: {', '.join(tried)}; "
            f"{gigabytes:.2f} GB are left. {_first_line(failure)}"
        )


def _bare(error: Exception) -> Exception:
    """The error without the frames it went through, which hold what the work had made."""
    error.__context__ = None
    return error.with_traceback(None)


def _first_line(failure: BaseException) -> str:
    return (str(failure) or type(failure).__name__).splitlines()[0]
