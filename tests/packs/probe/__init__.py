"""Nodes that probe a host: progress, previews, texts, errors, caching, expansion, validation.

Written as packs are, against the modules that packs import.
"""

from __future__ import annotations

import time

import comfy.utils
import numpy as np
import torch
from comfy_execution.graph import ExecutionBlocker
from comfy_execution.graph_utils import GraphBuilder
from PIL import Image
from server import PromptServer

WEB_DIRECTORY = "./js"


def _img(t):
    return Image.fromarray(np.clip(255.0 * t.cpu().numpy(), 0, 255).astype(np.uint8))


class ProbePreview:
    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "image": ("IMAGE",),
                "steps": ("INT", {"default": 3, "min": 1, "max": 100}),
                "format": (["JPEG", "PNG"],),
                "max_size": ("INT", {"default": 32, "min": 0, "max": 4096}),
                "delay": ("FLOAT", {"default": 0.0}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"
    CATEGORY = "probe"

    def go(self, image, steps, format, max_size, delay):
        pbar = comfy.utils.ProgressBar(steps)
        im = _img(image[0])
        for i in range(steps):
            if delay:
                time.sleep(delay)
            pbar.update_absolute(i + 1, steps, (format, im, max_size if max_size else None))
        return (image,)


class ProbeText:
    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {"text": ("STRING", {"default": "hello", "multiline": True})},
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    RETURN_TYPES = ("STRING",)
    OUTPUT_NODE = True
    FUNCTION = "go"
    CATEGORY = "probe"

    def go(self, text, unique_id):
        PromptServer.instance.send_progress_text(text, unique_id)
        return {"ui": {"text": [text]}, "result": (text,)}


class ProbeError:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",), "msg": ("STRING", {"default": "boom"})}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"
    CATEGORY = "probe"

    def go(self, image, msg):
        raise ValueError(msg)


class ProbeSleep:
    """Synchronous sleep; reports progress every step, therefore interruptible."""

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "image": ("IMAGE",),
                "seconds": ("FLOAT", {"default": 1.0}),
                "progress": ("BOOLEAN", {"default": True}),
                "tag": ("INT", {"default": 0}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"
    CATEGORY = "probe"

    def go(self, image, seconds, progress, tag):
        n = max(1, int(seconds / 0.25))
        pbar = comfy.utils.ProgressBar(n)
        for _ in range(n):
            time.sleep(0.25)
            if progress:
                pbar.update(1)
        return (image,)


class ProbeBusy:
    """CPU heavy node."""

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "image": ("IMAGE",),
                "seconds": ("FLOAT", {"default": 1.0}),
                "kind": (["python", "torch", "json"],),
                "tag": ("INT", {"default": 0}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"
    CATEGORY = "probe"

    def go(self, image, seconds, kind, tag):
        end = time.perf_counter() + seconds
        if kind == "python":
            x = 0
            while time.perf_counter() < end:
                for _ in range(10000):
                    x = (x * 31 + 7) % 1000003
        elif kind == "torch":
            a = torch.rand(1024, 1024)
            while time.perf_counter() < end:
                a = (a @ a) * 1e-3
        else:
            import json

            big = {str(i): list(range(50)) for i in range(20000)}
            while time.perf_counter() < end:
                json.dumps(big)  # one long C call holding the GIL
        return (image,)


class ProbeChanged:
    """IS_CHANGED returns NaN: never cached."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"
    CATEGORY = "probe"

    def go(self, image):
        return (image,)

    @classmethod
    def IS_CHANGED(cls, image):
        return float("NaN")


class ProbeBlock:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",), "msg": ("STRING", {"default": ""})}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"
    CATEGORY = "probe"

    def go(self, image, msg):
        return (ExecutionBlocker(msg if msg else None),)


class ProbeExpand:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",), "n": ("INT", {"default": 2, "min": 1, "max": 10})}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"
    CATEGORY = "probe"

    def go(self, image, n):
        g = GraphBuilder()
        cur = image
        for _ in range(n):
            node = g.node("ImageInvert", image=cur)
            cur = node.out(0)
        g.node("PreviewImage", images=cur)
        return {"result": (cur,), "expand": g.finalize()}


class ProbeTypes:
    """One input of every widget kind for validation probing."""

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "i": ("INT", {"default": 1, "min": 0, "max": 10, "step": 1}),
                "f": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 10.0, "step": 0.5}),
                "s": ("STRING", {"default": "x"}),
                "b": ("BOOLEAN", {"default": True}),
                "c": (["one", "two", "three"],),
                "big": ([str(i) for i in range(30)],),
                "combo2": ("COMBO", {"options": ["p", "q"]}),
            },
            "optional": {"opt": ("INT", {"default": 0}), "any": ("*",)},
        }

    RETURN_TYPES = ("INT", "STRING")
    RETURN_NAMES = ("i", "text")
    OUTPUT_NODE = True
    FUNCTION = "go"
    CATEGORY = "probe"
    DESCRIPTION = "probe of types"

    def go(self, **kw):
        return {
            "ui": {"text": [repr(sorted((k, type(v).__name__, v) for k, v in kw.items()))]},
            "result": (kw["i"], kw["s"]),
        }


class ProbeValidate:
    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "v": ("INT", {"default": 0, "min": 0, "max": 5}),
                "w": ("INT", {"default": 0, "min": 0, "max": 5}),
            }
        }

    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "go"
    CATEGORY = "probe"

    @classmethod
    def VALIDATE_INPUTS(cls, v):
        if v == 3:
            return "v must not be 3"
        if v == 4:
            return False
        if v == 5:
            raise RuntimeError("validate exploded")
        return True

    def go(self, v, w):
        return {"ui": {"text": [str(v), str(w)]}}


NODE_CLASS_MAPPINGS = {
    c.__name__: c
    for c in (
        ProbePreview,
        ProbeText,
        ProbeError,
        ProbeSleep,
        ProbeBusy,
        ProbeChanged,
        ProbeBlock,
        ProbeExpand,
        ProbeTypes,
        ProbeValidate,
    )
}
NODE_DISPLAY_NAME_MAPPINGS = {"ProbeTypes": "Probe Types"}
