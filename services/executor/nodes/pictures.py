"""Between IMAGE tensors and picture files."""

from __future__ import annotations

import io
import json
import logging
import math
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from services.executor.engine.context import current_context

log = logging.getLogger(__name__)

#: What is opened: raster formats that people send around. Pillow's list is longer and has had holes in its corners.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "TGA", "JPEG2000")

#: Of all frames together, before anything is decoded: a file of a few KiB may claim to be terabytes.
MAX_PIXELS = 1 << 27

#: The mask of a picture without transparency has this size, whatever the picture's.
NO_MASK_SIDE = 64

MAX_PNG_KEYWORD = 79  # bytes, PNG specification 11.3.4


def storable(images: object) -> Tensor:
    """A batch of pictures (batch, height, width, 1 to 4 channels), or of masks, checked before any of it is stored.

    What is not a number (NaN) is made 0, which is black, and the log tells which node was given it.

    Raises:
        ValueError: it is something else; names the input `images`.
    """
    if not isinstance(images, Tensor):
        raise ValueError(f"images: expected pictures, got {type(images).__name__}")
    if fault := _fault(images):
        raise ValueError(f"images: expected pictures (batch, height, width, 1 to 4 channels), got {fault}")
    if not images.isnan().any():
        return images
    context = current_context()
    share = images.isnan().float().mean().item()
    message = "prompt %s, node %s: %.0f %% of the pictures' values are not numbers (NaN) and are stored as black"
    log.warning(message, context.prompt_id, context.node.node_id, math.ceil(share * 100))
    return images.nan_to_num(0.0)


def _fault(images: Tensor) -> str:
    """What keeps a tensor from being stored as pictures; empty for nothing."""
    if images.is_meta:
        return "a tensor without data (on the device meta)"
    if images.layout is not torch.strided:
        return f"a tensor of layout {images.layout}"
    if images.is_complex():
        return "complex numbers"
    channels = images.shape[3] if images.ndim == 4 else 1
    if images.ndim not in (3, 4) or not 1 <= channels <= 4 or 0 in images.shape[1:]:
        return f"a tensor of shape {tuple(images.shape)}"
    return ""


def png_of(image: Tensor, metadata: PngInfo, compress_level: int) -> bytes:
    """Encode one picture (height, width, 1 to 4 channels), values in 0..1."""
    buffer = io.BytesIO()
    picture_of(image).save(buffer, format="PNG", pnginfo=metadata, compress_level=compress_level)
    return buffer.getvalue()


def picture_of(image: Tensor) -> Image.Image:
    """One picture (height, width, 1 to 4 channels) or mask (height, width), values in 0..1, in 8 bits a channel."""
    pixels = (image.detach().float().clamp(0, 1) * 255).to(torch.uint8).cpu().numpy()
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels)


def workflow_metadata(prompt: object, extra_pnginfo: Mapping[str, Any] | None) -> PngInfo:
    """The text chunks that let a client find the workflow in a picture: `prompt`, then every key of extra_pnginfo.

    A key that PNG cannot hold is left out: the picture matters more.
    """
    metadata = PngInfo()
    if prompt is not None:
        metadata.add_text("prompt", json.dumps(prompt))
    for key, value in (extra_pnginfo or {}).items():
        if is_png_keyword(key):
            metadata.add_text(key, json.dumps(value))
    return metadata


def is_png_keyword(key: str) -> bool:
    """Whether PNG can hold a text under this key."""
    return 0 < len(key) <= MAX_PNG_KEYWORD and key.isascii() and key.isprintable()


def read_picture(path: Path, name: str) -> tuple[Tensor, Tensor]:
    """Decode a file; `name` is what errors call it.

    Returns:
        pictures (frames, height, width, 3) and masks (frames, height, width), 1 where the picture is transparent.

    Raises:
        ValueError: not a picture, damaged, or larger than `MAX_PIXELS`.
    """
    with _opened(path, name) as picture:
        frames = [_frame(frame) for frame in _frames(picture)]
    images = torch.stack([colours for colours, _ in frames])
    return images, _stacked([mask for _, mask in frames], *images.shape[1:3])


def read_channel(path: Path, name: str, channel: str) -> Tensor:
    """Decode one channel ("red", "green", "blue" or "alpha") of a file's first frame as a mask (1, height, width).

    The alpha channel gives 1 where the picture is transparent.

    Raises:
        ValueError: as of `read_picture`.
    """
    with _opened(path, name) as picture:
        colours, mask = _frame(next(_frames(picture)))
    if channel != "alpha":
        mask = colours[..., ("red", "green", "blue").index(channel)]
    return (torch.zeros(colours.shape[:2]) if mask is None else mask).unsqueeze(0)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Image.Image]:
    """A picture file that is not too large; whatever is wrong with it, also while it is decoded, is a ValueError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_known_formats()) as picture:
                _check_size(picture, name)
                yield picture
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} has more pixels than the {MAX_PIXELS:,} that are allowed") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is not a picture of a known format") from error
    except (OSError, SyntaxError, struct.error, EOFError) as error:
        raise ValueError(f"{name} is damaged: {error}") from error


def _known_formats() -> list[str]:
    """Those that this build of Pillow has."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _check_size(picture: Image.Image, name: str) -> None:
    pixels = math.prod(picture.size) * getattr(picture, "n_frames", 1)
    if pixels > MAX_PIXELS:
        raise ValueError(f"{name} has {pixels:,} pixels, more than the {MAX_PIXELS:,} that are allowed")


def _frames(picture: Image.Image) -> Iterator[Image.Image]:
    """The frames of an animation; a multi-picture JPEG holds thumbnails and the like after the first."""
    if picture.format == "MPO":
        yield picture
        return
    for frame in ImageSequence.Iterator(picture):
        if frame.size == picture.size:
            yield frame


def _frame(frame: Image.Image) -> tuple[Tensor, Tensor | None]:
    """The colours of a frame, and its mask when it has transparency."""
    upright = ImageOps.exif_transpose(frame)
    if upright.mode == "P":
        upright = upright.convert("RGBA" if "transparency" in upright.info else "RGB")
    colours = _floats(upright if upright.mode.startswith("I") else upright.convert("RGB"))
    return colours, 1.0 - _floats(upright.getchannel("A")) if "A" in upright.getbands() else None


def _stacked(masks: Sequence[Tensor | None], height: int, width: int) -> Tensor:
    if all(mask is None for mask in masks):
        return torch.zeros(len(masks), NO_MASK_SIDE, NO_MASK_SIDE)
    return torch.stack([torch.zeros(height, width) if mask is None else mask for mask in masks])


def _floats(picture: Image.Image) -> Tensor:
    """Samples as float32 in 0..1; 16-bit grey in its full depth, as three equal channels."""
    samples = numpy.asarray(picture)
    if not picture.mode.startswith("I"):
        return torch.from_numpy(samples.astype(numpy.float32) / 255)
    grey = torch.from_numpy(samples.astype(numpy.float32) / 65535).clamp(0, 1)
    return grey.unsqueeze(-1).expand(-1, -1, 3).contiguous()
