"""Smaller or single-channel versions of pictures, and masked ones.

Only raster formats that Pillow reads safely are opened, only their first frame is decoded, and their size is known
before that.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from services.errors import InvalidArgument
from services.gateway.pictures.orders import MAX_PIXELS, Conversion, Masking, Task

#: zlib's level for masked pictures, ComfyUI's.
MASK_COMPRESSION = 4

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")


def carry_out(task: Task, contents: Sequence[bytes]) -> bytes:
    """The content of what is asked for.

    Raises:
        InvalidArgument: a content is no picture that can be read, or too large a one, or they do not fit together.
    """
    match task, contents:
        case Conversion(), [content]:
            return convert(content, task)
        case Masking(), [original, mask]:
            return apply_mask(original, mask)
    raise InvalidArgument(f"{len(contents)} pictures are not what a {type(task).__name__} is for")


def convert(content: bytes, conversion: Conversion) -> bytes:
    """The converted picture; raises as `carry_out`."""
    with _opened(content) as picture:
        selected = _select(picture, conversion)
    return _encoded(selected, conversion)


def apply_mask(original: bytes, mask: bytes) -> bytes:
    """The masked picture; raises as `carry_out`."""
    with _opened(original) as picture, _opened(mask) as transparency:
        if picture.size != transparency.size:
            raise InvalidArgument(f"the mask is {transparency.size} and its original {picture.size} pixels large")
        texts = PngInfo()
        masked = picture.convert("RGBA")
        for key, text in getattr(picture, "text", {}).items():
            texts.add_text(key, text)
        masked.putalpha(transparency.convert("RGBA").getchannel("A"))
    return _saved(lambda buffer: masked.save(buffer, "PNG", compress_level=MASK_COMPRESSION, pnginfo=texts))


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """A picture, for as long as the block decodes it."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InvalidArgument(f"the picture has {picture.width} x {picture.height} pixels, which are too many")
            yield picture
    except Image.DecompressionBombError as error:
        raise InvalidArgument("the picture has too many pixels") from error
    except UnidentifiedImageError as error:
        raise InvalidArgument("the file is not a picture that can be converted") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InvalidArgument("the picture is damaged") from error


def _select(picture: Image.Image, conversion: Conversion) -> Image.Image:
    """The channels that were asked for."""
    if conversion.channel == "a":
        alpha = picture.convert("RGBA").getchannel("A")
        only = Image.new("RGBA", picture.size)
        only.putalpha(alpha)
        return only
    if conversion.channel == "rgb" or conversion.format == "jpeg":
        return picture.convert("RGB")
    return picture.convert(picture.mode if picture.mode in ("RGB", "RGBA") else "RGBA")


def _encoded(picture: Image.Image, conversion: Conversion) -> bytes:
    if conversion.format is None:
        return _saved(lambda buffer: picture.save(buffer, "PNG"))
    return _saved(lambda buffer: picture.save(buffer, conversion.format, quality=conversion.quality))


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    buffer = io.BytesIO()
    try:
        save(buffer)
    except (OSError, ValueError) as error:
        raise InvalidArgument("the picture is too large for the format that was asked for") from error
    return buffer.getvalue()
