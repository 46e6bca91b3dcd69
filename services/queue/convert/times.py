"""Times: seconds since the epoch in records, whole microseconds in messages."""

from __future__ import annotations


def to_us(seconds: float | None) -> int:
    """Microseconds; 0 for what has not happened."""
    return 0 if seconds is None else round(seconds * 1e6)


def from_us(microseconds: int) -> float:
    """Seconds."""
    return microseconds / 1e6


def from_optional_us(microseconds: int) -> float | None:
    """Seconds; None for what has not happened."""
    return microseconds / 1e6 if microseconds else None
