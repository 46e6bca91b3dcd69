"""Numbers and times as ComfyUI writes them."""

from __future__ import annotations

#: Beyond it a float no longer tells one integer from the next.
_EXACT = 2**53


def plain(value: float) -> int | float:
    """A whole number without a fraction part, since clients in typed languages read counts as integers."""
    return int(value) if float(value).is_integer() and abs(value) < _EXACT else value


def milliseconds(seconds: float) -> int:
    """A time since the epoch, in whole milliseconds."""
    return round(seconds * 1000)
