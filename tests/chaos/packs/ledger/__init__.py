"""A node that takes its time, and writes down when it begins and ends: the truth about what was run how often."""

from __future__ import annotations

import os
import time
from typing import Any


def _write(prompt_id: str, what: str) -> None:
    """A line, whole even where several processes write."""
    ledger = os.open(os.environ["CHAOS_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(ledger, f"{prompt_id} {what} {os.getpid()}\n".encode())
    os.close(ledger)


class ChaosWork:
    """Works for a while in small steps."""

    CATEGORY = "chaos"
    FUNCTION = "work"
    OUTPUT_NODE = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"name": ("STRING", {}), "seconds": ("FLOAT", {"default": 0.1, "min": 0.0})}}

    @classmethod
    def IS_CHANGED(cls, **inputs: Any) -> float:
        return float("nan")  # every attempt works anew

    def work(self, name: str, seconds: float) -> dict[str, Any]:
        _write(name, "begun")
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.02))
        _write(name, "ended")
        return {"ui": {"text": [name]}, "result": ()}


class ChaosPoison:
    """Kills the process that runs it."""

    CATEGORY = "chaos"
    FUNCTION = "work"
    OUTPUT_NODE = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"name": ("STRING", {})}}

    def work(self, name: str) -> dict[str, Any]:
        _write(name, "begun")
        os.kill(os.getpid(), 9)
        return {}


NODE_CLASS_MAPPINGS = {"ChaosWork": ChaosWork, "ChaosPoison": ChaosPoison}
