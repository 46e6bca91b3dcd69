"""Required inputs are there."""

from __future__ import annotations

from services.graph.errors import NodeError

TYPE = "required_input_missing"


def required_input_missing(name: str) -> NodeError:
    """The error of a node without a required input."""
    return NodeError(TYPE, "Required input is missing", name, {"input_name": name})
