"""Declarations of inputs that many nodes share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

Value = TypeVar("Value")

Declaration = tuple[Any, ...]

LONGEST_SIDE = 16384  # pixels
LARGEST_BATCH = 4096

#: Schemas write options even where there are none.
IMAGE: Declaration = ("IMAGE", {})
MASK: Declaration = ("MASK", {})


def whole(default: int, least: int, most: int, *, step: int | None = 1, **options: Any) -> Declaration:
    """A whole number within limits."""
    steps = {} if step is None else {"step": step}
    return "INT", {"default": default, "min": least, "max": most, **steps, **options}


def number(default: float, least: float, most: float, step: float) -> Declaration:
    """A number within limits."""
    return "FLOAT", {"default": default, "min": least, "max": most, "step": step}


def side(default: int, least: int = 0, step: int = 1) -> Declaration:
    """A width, a height or a position in pixels."""
    return whole(default, least, LONGEST_SIDE, step=step)


def given(value: Value | None, name: str) -> Value:
    """What is linked to the input `name`; a node may give nothing.

    Raises:
        ValueError: it has given nothing.
    """
    if value is None:
        raise ValueError(f"{name}: there is none, the node that it comes from gave nothing")
    return value


def chosen(options: Mapping[str, Value], option: str, name: str) -> Value:
    """What an option of the input `name` stands for; what is linked was not checked before.

    Raises:
        ValueError: there is no such option.
    """
    try:
        return options[option]
    except (KeyError, TypeError):
        raise ValueError(f"{name}: {option!r} is not one of {', '.join(options)}") from None
