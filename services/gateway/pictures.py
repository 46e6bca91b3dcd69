"""Smaller or single-channel versions of stored pictures, made off the event loop.

Pillow meets bytes from anybody here: only raster formats it reads safely are opened, and size limits
hold before anything is decoded.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from services.gateway.errors import BadRequest

#: Bytes of a file that is read into memory for conversion.
MAX_BYTES = 64 << 20

#: Pixels of a picture that is decoded: 8192 x 4096, 128 MiB with four channels.
MAX_PIXELS = 32 << 20

#: Conversions at once; each may take `MAX_PIXELS` times four bytes.
CONCURRENCY = 1

#: zlib's level for masked pictures, ComfyUI's.
MASK_COMPRESSION = 4

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")


@dataclass(frozen=True)
class Conversion:
    """What to make of a picture: `format` is "webp" or "jpeg" for a preview, None to keep it a PNG."""

    channel: str = "rgba"
    format: str | None = None
    quality: int = 90

    @property
    def media_type(self) -> str:
        """The content type of the result."""
        return f"image/{self.format or 'png'}"


class PictureConverter:
    """Converts pictures in threads, a few at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(CONCURRENCY)

    async def convert(self, data: bytes, conversion: Conversion) -> bytes:
        """The converted picture.

        Raises:
            BadRequest: `data` is no picture that can be read, or too large a one.
        """
        async with self._turn:
            return await asyncio.to_thread(convert, data, conversion)

    async def apply_mask(self, original: bytes, mask: bytes) -> bytes:
        """The original as a PNG with the mask's transparency in the place of its own; its texts are kept.

        Raises:
            BadRequest: one of them is no picture that can be read or too large a one, or their sizes differ.
        """
        async with self._turn:
            return await asyncio.to_thread(apply_mask, original, mask)


def convert(data: bytes, conversion: Conversion) -> bytes:
    """As `PictureConverter.convert`, in this thread."""
    with _opened(data) as picture:
        return _encode(_select(picture, conversion), conversion)


def apply_mask(original: bytes, mask: bytes) -> bytes:
    """As `PictureConverter.apply_mask`, in this thread."""
    with _opened(original) as picture, _opened(mask) as transparency:
        if picture.size != transparency.size:
            raise BadRequest(f"the mask is {transparency.size} and its original {picture.size} pixels large")
        texts = PngInfo()
        for key, text in getattr(picture, "text", {}).items():
            texts.add_text(key, text)
        masked = picture.convert("RGBA")
        masked.putalpha(transparency.convert("RGBA").getchannel("A"))
        buffer = io.BytesIO()
        masked.save(buffer, "PNG", compress_level=MASK_COMPRESSION, pnginfo=texts)
        return buffer.getvalue()


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """A picture, for as long as the block uses it.

    Raises:
        BadRequest: `data` is none, is damaged, or has too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BadRequest(f"the picture has {picture.width} x {picture.height} pixels, which is too many")
            yield picture
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BadRequest("the file is not a picture that can be converted", field="filename") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadRequest("the picture is damaged", field="filename") from error


def _select(picture: Image.Image, conversion: Conversion) -> Image.Image:
    """The channels that were asked for."""
    if conversion.channel == "a":
        alpha = picture.convert("RGBA").getchannel("A")
        only = Image.new("RGBA", picture.size)
        only.putalpha(alpha)
        return only
    if conversion.channel == "rgb" or conversion.format == "jpeg":
        return picture.convert("RGB")
    return picture if picture.mode in ("RGB", "RGBA") else picture.convert("RGBA")


def _encode(picture: Image.Image, conversion: Conversion) -> bytes:
    buffer = io.BytesIO()
    if conversion.format is None:
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, conversion.format.upper(), quality=conversion.quality)
    return buffer.getvalue()
