"""A node pack for `bench.submitting`: a node that keeps the interpreter to itself, as long calls into C do."""

from __future__ import annotations

import ctypes
from typing import Any


class HoldInterpreterLock:
    """Sleeps without letting any other thread of its process run."""

    RETURN_TYPES = ()
    FUNCTION = "hold"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """For how many milliseconds; the number keeps it out of caches."""
        return {"required": {"milliseconds": ("INT", {"max": 60_000}), "number": ("INT", {"max": 1 << 30})}}

    def hold(self, milliseconds: int, number: int) -> tuple[()]:
        """Functions of a PyDLL are called with the lock held."""
        ctypes.PyDLL(None).usleep(milliseconds * 1000)
        return ()


NODE_CLASS_MAPPINGS = {"HoldInterpreterLock": HoldInterpreterLock}
