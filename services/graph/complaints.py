"""What a node class says against its own inputs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import msgspec


class Complaint(msgspec.Struct, frozen=True):
    """One objection of a node class to its own inputs (VALIDATE_INPUTS)."""

    #: None when it is about the node as a whole
    input: str | None
    #: empty when the class answered no more than "no"
    message: str
    #: set when the class raised instead of answering
    exception_type: str | None = None


#: Asks an executor to let the classes of these nodes check their inputs; answers by node id, without the content ones.
Ask = Callable[[Collection[str]], Awaitable[dict[str, list[Complaint]]]]
