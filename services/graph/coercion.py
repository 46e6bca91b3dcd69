"""What becomes of the constants that clients send: "5" for an INT is 5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WRAPPER = "__value__"

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


def unwrap(value: Any) -> Any:
    """The constant inside {"__value__": constant}, which is how a list is told from a link; others as they are."""
    if isinstance(value, dict) and WRAPPER in value:
        return value[WRAPPER]
    return value


def coerce(declared_type: Any, value: Any) -> Any:
    """The constant as a node with an input of `declared_type` gets it.

    Raises:
        ValueError, TypeError, OverflowError: it cannot be converted.
    """
    value = unwrap(value)
    convert = _CONVERSIONS.get(declared_type) if isinstance(declared_type, str) else None
    return value if convert is None else convert(value)
