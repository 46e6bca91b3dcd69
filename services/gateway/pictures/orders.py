"""What the gateway and its converting processes say to each other, and the frames it travels in.

A frame is its length (4 bytes, big endian) and one message in msgpack. After the frame of an `Order` come the contents
of its pictures, after that of a `Made` the content of the result.
"""

from __future__ import annotations

import struct

import msgspec

#: Bytes of a file that is converted.
MAX_BYTES = 64 << 20

#: Pixels of a picture that is decoded: 8192 x 4096, 128 MiB with four channels.
MAX_PIXELS = 32 << 20

LENGTH = struct.Struct(">I")


class Conversion(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What to make of a picture: `format` is "webp" or "jpeg" for a preview, None to keep it a PNG."""

    channel: str = "rgba"
    format: str | None = None
    quality: int = 90

    @property
    def media_type(self) -> str:
        """The content type of the result."""
        return f"image/{self.format or 'png'}"


class Masking(msgspec.Struct, frozen=True, tag=True):
    """Make the first picture a PNG with the transparency of the second in the place of its own; its texts are kept."""


Task = Conversion | Masking


class Order(msgspec.Struct, frozen=True):
    """What to make of pictures whose contents have these sizes, in bytes."""

    task: Task
    sizes: tuple[int, ...]


class Made(msgspec.Struct, frozen=True, tag=True):
    """It is done; the result has this size, in bytes."""

    size: int


class Refused(msgspec.Struct, frozen=True, tag=True):
    """It cannot be done; why, for people."""

    message: str


Answer = Made | Refused


def frame(message: Order | Answer) -> bytes:
    """A message as it travels."""
    payload = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(payload)) + payload
