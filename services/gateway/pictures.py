"""Smaller or single-channel versions of stored pictures, made off the event loop.

Pillow meets bytes from anybody here: only raster formats it reads safely are opened, and size limits
hold before anything is decoded.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from services.gateway.errors import BadRequest

#: Bytes of a file that is read into memory for conversion.
MAX_BYTES = 64 << 20

#: Pixels of a picture that is decoded: 8192 x 4096, 128 MiB with four channels.
MAX_PIXELS = 32 << 20

#: Conversions at once; each may take `MAX_PIXELS` times four bytes.
CONCURRENCY = 1

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


def convert(data: bytes, conversion: Conversion) -> bytes:
    """As `PictureConverter.convert`, in this thread."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BadRequest(f"the picture has {picture.width} x {picture.height} pixels, which is too many")
            return _encode(_select(picture, conversion), conversion)
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
