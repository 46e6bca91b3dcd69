"""Stand-ins for the nodes of ComfyUI's own tests that the recordings ran: the same names, inputs and behaviour."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import torch
from comfy_api.v0_0_2 import ComfyAPI
from comfy_execution.graph_utils import GraphBuilder

api = ComfyAPI()

_SIZE = {name: ("INT", {"default": default, "min": 1}) for name, default in (("height", 512), ("width", 512))}
_SIZE["batch_size"] = ("INT", {"default": 1, "min": 1})


class StubImage:
    """A picture of one colour, or of noise."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"content": (["WHITE", "BLACK", "NOISE"],), **_SIZE}}

    def make(self, content: str, height: int, width: int, batch_size: int) -> tuple[torch.Tensor]:
        fill = {"WHITE": torch.ones, "BLACK": torch.zeros, "NOISE": torch.rand}[content]
        return (fill(batch_size, height, width, 3),)


class StubMask:
    """A mask of one value."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}), **_SIZE}}

    def make(self, value: float, height: int, width: int, batch_size: int) -> tuple[torch.Tensor]:
        return (torch.full((batch_size, height, width), value),)


class StubInt:
    """A number."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {"default": 0, "min": -(2**31), "max": 2**31 - 1})}}

    def make(self, value: int) -> tuple[int]:
        return (value,)


class TestLazyMixImages:
    """Mixes two pictures; asks only for those that the mask lets through."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "mix"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        lazy = {"lazy": True}
        return {"required": {"image1": ("IMAGE", lazy), "image2": ("IMAGE", lazy), "mask": ("MASK",)}}

    def check_lazy_status(self, mask: torch.Tensor, image1: Any = None, image2: Any = None) -> list[str]:
        missing = {"image1": image1 is None and bool((mask < 1).any()), "image2": image2 is None and bool(mask.any())}
        return [name for name, is_missing in missing.items() if is_missing]

    def mix(self, mask: torch.Tensor, image1: Any = None, image2: Any = None) -> tuple[torch.Tensor]:
        if image1 is None or image2 is None:
            return (image2 if image1 is None else image1,)
        return (torch.lerp(image1, image2, mask.unsqueeze(-1)),)


class TestDynamicDependencyCycle:
    """Expands into nodes that need each other."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "tangle"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"input1": ("IMAGE",), "input2": ("IMAGE",)}}

    def tangle(self, input1: Any, input2: Any) -> dict[str, Any]:
        graph = GraphBuilder()
        mask = graph.node("StubMask", value=0.5, height=512, width=512, batch_size=1)
        first = graph.node("TestLazyMixImages", image1=input1, mask=mask.out(0))
        second = graph.node("TestLazyMixImages", image1=first.out(0), image2=input2, mask=mask.out(0))
        first.set_input("image2", second.out(0))
        return {"result": (second.out(0),), "expand": graph.finalize()}


class TestAsyncError:
    """Fails after a while."""

    RETURN_TYPES = ("*",)
    FUNCTION = "fail"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("*", {}), "error_after": ("FLOAT", {"default": 0.1, "min": 0.0, "max": 10.0})}}

    async def fail(self, value: Any, error_after: float) -> tuple[Any]:
        await asyncio.sleep(error_after)
        raise RuntimeError("Intentional async execution error for testing")


class TestSleep:
    """Passes its input on after a while, and reports how much of it is over."""

    RETURN_TYPES = ("*",)
    FUNCTION = "sleep"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"value": ("*", {}), "seconds": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 9999.0})},
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    async def sleep(self, value: Any, seconds: float, unique_id: str) -> tuple[Any]:
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < seconds:
            await api.execution.set_progress(value=elapsed, max_value=seconds)
            await asyncio.sleep(0.01)
        await api.execution.set_progress(value=seconds, max_value=seconds)
        return (value,)


NODE_CLASS_MAPPINGS = {
    cls.__name__: cls
    for cls in (StubImage, StubInt, StubMask, TestLazyMixImages, TestDynamicDependencyCycle, TestAsyncError, TestSleep)
}
