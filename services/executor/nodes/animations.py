"""Nodes that store batches of pictures as animations."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from services.executor.nodes.declarations import Declaration, chosen, number, whole
from services.executor.nodes.filename_prefix import name_to_number
from services.executor.nodes.pictures import is_png_keyword, picture_of, storable
from services.executor.nodes.saving import HIDDEN
from services.executor.nodes.stored_files import store
from services.files.records import FileKind

WEBP_LONGEST_SIDE = 16383  # pixels, WebP container specification

#: How hard the encoder tries, from 0 to 6, by ComfyUI's names.
WEBP_METHODS = {"default": 4, "fastest": 0, "slowest": 6}

#: Exif's fields "Model" and "Make": ComfyUI puts the prompt in the first, and the rest from the second downwards.
EXIF_PROMPT = 0x0110
EXIF_EXTRA = 0x010F

#: The chunk in which ComfyUI keeps a text of an animated PNG: key, a zero byte, JSON.
PNG_CHUNK = b"comf"

_PREFIX: Declaration = ("STRING", {"default": "ComfyUI"})
_FPS = number(6.0, 0.01, 1000.0, 0.01)


class _AnimationNode:
    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image/animation"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"


class SaveAnimatedWEBP(_AnimationNode):
    """A batch kept as an animated WebP."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, what the name begins with, frames a second, and how to compress."""
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": _PREFIX,
                "fps": _FPS,
                "lossless": ("BOOLEAN", {"default": True}),
                "quality": whole(80, 0, 100, step=None),
                "method": (list(WEBP_METHODS),),
            },
            "hidden": HIDDEN,
        }

    def save_images(
        self,
        images: Tensor,
        fps: float,
        filename_prefix: str,
        lossless: bool,
        quality: int,
        method: str,
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store one file with the workflow inside and say under which name.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
            ValueError: there are no pictures, or they are too large for the format.
        """
        effort = chosen(WEBP_METHODS, method, "method")
        exif = exif_of(prompt, extra_pnginfo)
        saved = save_webp(FileKind.OUTPUT, images, filename_prefix, fps, exif, lossless, quality, effort)
        return {"ui": {"images": [saved], "animated": (len(images) != 1,)}}


class SaveAnimatedPNG(_AnimationNode):
    """A batch kept as an animated PNG."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, what the name begins with, frames a second, and how to compress."""
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": _PREFIX,
                "fps": _FPS,
                "compress_level": whole(4, 0, 9, step=None),
            },
            "hidden": HIDDEN,
        }

    def save_images(
        self,
        images: Tensor,
        fps: float,
        compress_level: int,
        filename_prefix: str = "ComfyUI",
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store one file with the workflow inside and say under which name.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
            ValueError: there are no pictures.
        """
        metadata = chunks_of(prompt, extra_pnginfo)
        saved = save_apng(FileKind.OUTPUT, images, filename_prefix, fps, metadata, compress_level)
        return {"ui": {"images": [saved], "animated": (True,)}}


def save_webp(
    kind: FileKind,
    images: Tensor,
    filename_prefix: str,
    fps: float,
    exif: Image.Exif,
    lossless: bool,
    quality: int,
    effort: int,
) -> dict[str, Any]:
    """Store pictures (frames, height, width, channels) as an animated WebP; `effort` is 0 to 6.

    Returns:
        under which name, as nodes show it.

    Raises:
        InvalidArgument: the prefix leads out of the folder.
        ValueError: there are no pictures, or they are too large for the format.
    """
    images = storable(images)
    if max(images.shape[1:3]) > WEBP_LONGEST_SIDE:
        raise ValueError(f"images: WebP holds at most {WEBP_LONGEST_SIDE} pixels a side")
    data = _encoded(images, fps, format="WEBP", exif=exif, lossless=lossless, quality=quality, method=effort)
    return _saved(kind, images, filename_prefix, ".webp", data)


def save_apng(
    kind: FileKind, images: Tensor, filename_prefix: str, fps: float, metadata: PngInfo, compress_level: int
) -> dict[str, Any]:
    """Store pictures (frames, height, width, channels) as an animated PNG; answers and raises as `save_webp`."""
    images = storable(images)
    data = _encoded(images, fps, format="PNG", pnginfo=metadata, compress_level=compress_level)
    return _saved(kind, images, filename_prefix, ".png", data)


def _encoded(images: Tensor, fps: float, **options: Any) -> bytes:
    if fps <= 0:
        raise ValueError(f"fps: there must be more than {fps} frames a second")
    if len(images) == 0:
        raise ValueError("images: the batch is empty")
    first, *others = map(picture_of, images)
    buffer = io.BytesIO()
    first.save(buffer, save_all=True, append_images=others, duration=int(1000 / fps), **options)
    return buffer.getvalue()


def _saved(kind: FileKind, images: Tensor, filename_prefix: str, extension: str, data: bytes) -> dict[str, Any]:
    height, width = images.shape[1:3]
    place = name_to_number(kind, filename_prefix, width, height, datetime.now())
    return store(place, extension, data)


def exif_of(prompt: object, extra_pnginfo: Mapping[str, Any] | None) -> Image.Exif:
    """The workflow as ComfyUI writes it into a WebP."""
    exif = Image.Exif()
    if prompt is not None:
        exif[EXIF_PROMPT] = f"prompt:{json.dumps(prompt)}"
    for tag, (key, value) in zip(range(EXIF_EXTRA, 0, -1), (extra_pnginfo or {}).items(), strict=False):
        exif[tag] = f"{key}:{json.dumps(value)}"
    return exif


def chunks_of(prompt: object, extra_pnginfo: Mapping[str, Any] | None) -> PngInfo:
    """The workflow as ComfyUI writes it into an animated PNG."""
    texts = {} if prompt is None else {"prompt": prompt}
    texts |= {key: value for key, value in (extra_pnginfo or {}).items() if is_png_keyword(key)}
    metadata = PngInfo()
    for key, value in texts.items():
        metadata.add(PNG_CHUNK, key.encode() + b"\0" + json.dumps(value).encode(), after_idat=True)
    return metadata


NODES = (SaveAnimatedWEBP, SaveAnimatedPNG)
