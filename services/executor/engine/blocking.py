"""How a node keeps those after it from running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


class ExecutionBlocker:
    """Given in place of a value: nodes that would get it do not run, and pass it on.

    With a `message` the first node that is kept from running reports it; None blocks silently.
    """

    __slots__ = ("message",)

    def __init__(self, message: str | None = None) -> None:
        self.message = message


#: Told the message of a blocker that keeps a node from running.
Report = Callable[[str], None]


def blocker_in(arguments: Mapping[str, Any], *, takes_lists: bool) -> ExecutionBlocker | None:
    """The first blocker among the arguments of a call, or inside them when the function takes lists."""
    for value in arguments.values():
        inside: Iterable[Any] = value if takes_lists and isinstance(value, list) else (value,)
        for item in inside:
            if isinstance(item, ExecutionBlocker):
                return item
    return None


def passed_on(blocker: ExecutionBlocker, report: Report) -> ExecutionBlocker:
    """What a node that a blocker kept from running gives: a silent one, after the message was reported once."""
    if blocker.message is not None:
        report(str(blocker.message))
    return ExecutionBlocker(None)
