"""Faults that ComfyUI meets as exceptions: links to nowhere, and classes that raise while they check."""

from __future__ import annotations

from typing import Any

import msgspec

from services.graph.errors import NodeError
from services.graph.model import Link


class Fault(msgspec.Struct, frozen=True):
    """An exception, by the name of its class and what it says."""

    exception_type: str
    message: str


class Dependant(msgspec.Struct, frozen=True):
    """The input by which a node that is no output is reached."""

    input_name: str
    input_config: list[Any] | None
    link: Link


def exception_error(fault: Fault, dependant: Dependant | None) -> NodeError:
    """The error of an output node, or of the inner node that `dependant` links to.

    The traceback is always empty: it would tell clients about the host.
    """
    if dependant is None:
        extra: dict[str, Any] = {"exception_type": fault.exception_type, "traceback": []}
        return NodeError("exception_during_validation", "Exception when validating node", fault.message, extra)
    extra = {
        "input_name": dependant.input_name,
        "input_config": dependant.input_config,
        "exception_message": fault.message,
        "exception_type": fault.exception_type,
        "traceback": [],
        "linked_node": dependant.link.to_json(),
    }
    return NodeError("exception_during_inner_validation", "Exception when validating inner node", fault.message, extra)
