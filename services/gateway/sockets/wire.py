"""Messages as WebSocket frames on the wire (RFC 6455), so that many go out in one write."""

from __future__ import annotations

import struct
from collections.abc import Iterable

_TEXT = 0x81  #: the last and only frame of a text
_BINARY = 0x82

#: Lengths from here on stand in two further bytes, and from there on in eight.
_SHORT, _LONG = 126, 1 << 16


def packed(payloads: Iterable[str | bytes]) -> bytes:
    """Whole messages of a server, one after the other; not masked, not compressed."""
    parts: list[bytes] = []
    for payload in payloads:
        data = payload.encode() if isinstance(payload, str) else payload
        parts += (_head(_TEXT if isinstance(payload, str) else _BINARY, len(data)), data)
    return b"".join(parts)


def _head(first: int, length: int) -> bytes:
    if length < _SHORT:
        return bytes((first, length))
    if length < _LONG:
        return struct.pack(">BBH", first, _SHORT, length)
    return struct.pack(">BBQ", first, _SHORT + 1, length)
