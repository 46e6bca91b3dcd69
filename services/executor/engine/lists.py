"""Calls a node once per item of the lists that its inputs hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: The values of each input: one, or as many as the node is to be called for.
InputValues = Mapping[str, list[Any]]


def call_for_each(function: Callable[..., Any], values: InputValues, *, takes_lists: bool) -> Iterator[Any]:
    """What the function returns for each item; a shorter input repeats its last value.

    A function that takes lists is called once with all of them.

    Raises:
        ValueError: an input holds an empty list. What the function raises passes through.
    """
    if takes_lists:
        yield function(**values)
        return
    for name, items in values.items():
        if not items:
            raise ValueError(f"input {name} got an empty list")
    for index in range(max(map(len, values.values()), default=1)):
        yield function(**{name: items[min(index, len(items) - 1)] for name, items in values.items()})
