"""Reading a module's structure from the names and shapes of its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from services.executor.diffusion.checkpoints.errors import CheckpointError

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Entry = TypeVar("Entry")


def under(entries: Mapping[str, Entry], prefix: str) -> dict[str, Entry]:
    """The entries, shapes or weights, whose names start with `prefix`, without it."""
    return {name[len(prefix) :]: entry for name, entry in entries.items() if name.startswith(prefix)}


def count(shapes: Shapes, prefix: str) -> int:
    """How many numbered parts (`prefix0.`, `prefix1.`, …) there are."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    found = {int(match[1]) for name in shapes if (match := pattern.match(name))}
    return max(found, default=-1) + 1


def shape_of(shapes: Shapes, name: str, dimensions: int) -> Shape:
    """The shape of a weight that the structure needs.

    Raises:
        CheckpointError: there is no such weight, it is empty, or it has another number of dimensions.
    """
    shape = shapes.get(name)
    if shape is None:
        raise CheckpointError(f"the weight {name} is missing")
    if len(shape) != dimensions or 0 in shape:
        raise CheckpointError(f"the weight {name} has the shape {list(shape)}, {dimensions} dimensions were expected")
    return shape


def even_share(channels: int, parts: int, name: str) -> int:
    """The channels of each of `parts` equal parts.

    Raises:
        CheckpointError: they cannot be shared evenly.
    """
    if parts < 1 or channels % parts:
        raise CheckpointError(f"{channels} channels cannot be shared by {parts} {name}")
    return channels // parts
