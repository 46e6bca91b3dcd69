"""The misbehaving nodes; all pass their picture on, if they get that far."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from services.executor.engine.context import current_context


class _Passing:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "testing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",)}}


class TestSleep(_Passing):
    """Sleeps, and reports how far it has come."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "steps": ("INT", {"default": 10, "min": 1, "max": 100000}),
                "seconds": ("FLOAT", {"default": 0.01, "min": 0.0, "max": float("inf")}),
            }
        }

    def run(self, image: Any, steps: int, seconds: float) -> tuple[Any]:
        for step in range(steps):
            time.sleep(seconds)
            current_context().progress(step + 1, steps)
        return (image,)


class TestError(_Passing):
    """Raises."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"image": ("IMAGE",)},
            "optional": {"message": ("STRING", {"default": "this node always fails"})},
        }

    def run(self, image: Any, message: str = "this node always fails") -> tuple[Any]:
        if message == "KEYBOARD":
            raise KeyboardInterrupt
        raise ValueError(message.replace("SURROGATE", "\ud800"))


class TestPrint(_Passing):
    """Prints, as many nodes do."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "text": ("STRING", {"default": ""})}}

    def run(self, image: Any, text: str) -> tuple[Any]:
        print(text)  # noqa: T201
        print(text.upper(), file=sys.stderr)  # noqa: T201
        return (image,)


class TestShow(_Passing):
    """Shows more than anybody wants to see, or what no JSON can carry."""

    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "what": (["much", "object", "surrogate"],)}}

    def run(self, image: Any, what: str) -> dict[str, Any]:
        shown = {"much": "x" * (9 << 20), "object": object(), "surrogate": "\ud800"}[what]
        return {"ui": {"text": [shown]}, "result": (image,)}


class TestExit(_Passing):
    """Ends the interpreter, politely."""

    def run(self, image: Any) -> tuple[Any]:
        sys.exit(3)


class TestCrash(_Passing):
    """Ends the process as a segmentation fault or the kernel's memory killer would."""

    def run(self, image: Any) -> tuple[Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return (image,)


class TestBlock(_Passing):
    """Never comes back and hears nothing."""

    def run(self, image: Any) -> tuple[Any]:
        while True:
            time.sleep(60)


class TestHog(_Passing):
    """Keeps the interpreter for itself: no other thread of the process runs meanwhile.

    A hundred million numbers take a second or more.
    """

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "numbers": ("INT", {"default": 10**8, "min": 1, "max": 10**12})}}

    def run(self, image: Any, numbers: int) -> tuple[Any]:
        return (image * (sum(range(numbers)) > 0),)


class TestAllocate(_Passing):
    """Holds memory for as long as it runs."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        mebibytes = {"default": 64, "min": 1, "max": 1 << 20}
        return {"required": {"image": ("IMAGE",), "mebibytes": ("INT", mebibytes)}}

    def run(self, image: Any, mebibytes: int) -> tuple[Any]:
        held = bytearray(b"x" * (mebibytes << 20))
        return (image * (len(held) > 0),)


class TestPicky(_Passing):
    """Checks its own input."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "number": ("INT", {"default": 0, "min": 0, "max": 10})}}

    @classmethod
    def VALIDATE_INPUTS(cls, number: int) -> bool | str:
        if number == 99:
            raise RuntimeError("cannot even check that")
        if number == 101:
            return "not a character: \ud800"
        return number % 2 == 0 or f"{number} is odd"

    def run(self, image: Any, number: int) -> tuple[Any]:
        return (image,)
