"""A node whose class misbehaves when it is asked something."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from .lasting import report, sleep

_ACTS: dict[str, Callable[[], Any]] = {
    "report": report,
    "sleep": sleep,
    "exit": lambda: sys.exit(3),
    "die": lambda: os._exit(3),
}
_QUESTIONS = ("VALIDATE_INPUTS", "IS_CHANGED", "check_lazy_status")


def _act(question: str, how: str) -> None:
    act, _, wanted = how.partition(" in ")
    if wanted == question:
        _ACTS[act]()


class MisbehaveWhenAsked:
    """Does when it is asked what `how` says, and passes its picture on."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "testing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        ways = [f"{act} in {question}" for act in _ACTS for question in _QUESTIONS]
        return {"required": {"image": ("IMAGE", {"lazy": True}), "how": (ways,)}}

    @classmethod
    def VALIDATE_INPUTS(cls, how: str) -> bool:
        _act("VALIDATE_INPUTS", how)
        return True

    @classmethod
    def IS_CHANGED(cls, image: Any, how: str) -> str:
        _act("IS_CHANGED", how)
        return ""

    def check_lazy_status(self, image: Any, how: str) -> list[str]:
        _act("check_lazy_status", how)
        return ["image"]

    def run(self, image: Any, how: str) -> tuple[Any]:
        return (image,)
