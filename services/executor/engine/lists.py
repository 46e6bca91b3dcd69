"""What a node is called with, once per item of the lists that its inputs hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: The values of each input: one, or as many as the node is to be called for.
InputValues = Mapping[str, list[Any]]


def arguments_of_calls(values: InputValues, *, takes_lists: bool) -> Iterator[dict[str, Any]]:
    """The arguments of each call; a shorter input repeats its last value.

    A function that takes lists is called once with all of them.

    Raises:
        ValueError: an input holds an empty list.
    """
    if takes_lists:
        yield dict(values)
        return
    for name, items in values.items():
        if not items:
            raise ValueError(f"input {name} got an empty list")
    for index in range(max(map(len, values.values()), default=1)):
        yield {name: items[min(index, len(items) - 1)] for name, items in values.items()}
