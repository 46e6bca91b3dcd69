"""What a node may ask for before anything is allocated."""

from __future__ import annotations

import contextlib
import math
from functools import cache
from pathlib import Path

import psutil

VALUE_SIZE = 4  # bytes of a float32

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


@cache
def largest_result() -> int:
    """Bytes that one result may take: half of the memory of the host, or of the container.

    The kernel grants far more than there is and ends the process when it is used, so it cannot be asked.
    """
    total = int(psutil.virtual_memory().total)
    with contextlib.suppress(OSError, ValueError):  # no container, or "max"
        total = min(total, int(_CONTAINER_LIMIT.read_text()))
    return total // 2


def check_size(inputs: str, *shape: int) -> None:
    """Refuse a result of float32 that could not be held; `inputs` names the inputs that ask for it.

    Raises:
        ValueError: it is larger than `largest_result`.
    """
    size = math.prod(shape) * VALUE_SIZE
    if size > largest_result():
        sides = " x ".join(map(str, shape))
        raise ValueError(
            f"{inputs}: {sides} values take {size / 2**30:,.1f} GiB, "
            f"more than the {largest_result() / 2**30:,.1f} GiB that one result may take on this host"
        )
