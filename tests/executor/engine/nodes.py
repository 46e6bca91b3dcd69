"""Tiny node classes: images are numbers, so that every result can be reckoned."""

from __future__ import annotations

import asyncio
from typing import Any

from services.executor.engine.context import current_context


class Constant:
    """A number to start from."""

    RETURN_TYPES: tuple[str, ...] = ("IMAGE",)
    FUNCTION = "go"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {"default": 0})}}

    def go(self, value: int) -> tuple[int]:
        return (value,)


class Negate:
    """One number from one number."""

    RETURN_TYPES: tuple[str, ...] = ("IMAGE",)
    FUNCTION = "go"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",)}}

    def go(self, image: Any) -> Any:
        return (-image,)


class Show:
    """An output that shows its number."""

    RETURN_TYPES: tuple[str, ...] = ()
    FUNCTION = "go"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"images": ("IMAGE",)}, "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}}

    def go(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None) -> Any:
        return {"ui": {"images": [images]}}


class Fail(Negate):
    """Raises."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "msg": ("STRING", {})}}

    def go(self, image: Any, msg: str = "") -> Any:
        raise ValueError(msg)


class Steps(Negate):
    """Reports its progress."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "steps": ("INT", {})}}

    def go(self, image: Any, steps: int = 0) -> Any:
        for step in range(1, steps + 1):
            current_context().progress(step, steps)
        return (image,)


class NeverTheSame(Negate):
    """Says that it has changed, whatever happens."""

    @classmethod
    def IS_CHANGED(cls, image: Any) -> float:
        return float("nan")


class Later(Negate):
    """A coroutine."""

    async def go(self, image: Any) -> Any:
        await asyncio.sleep(0)
        current_context().progress(1, 1)
        return (image + 1,)


CORE = {cls.__name__: cls for cls in (Constant, Negate, Show, Fail, Steps, NeverTheSame, Later)}
