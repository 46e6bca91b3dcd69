"""No node depends on itself."""

from __future__ import annotations

from collections.abc import Sequence

from services.graph.errors import NodeError

#: Of a longer cycle the middle is left out.
MAX_NAMED_NODES = 20


def cycle_errors(cycle: Sequence[str]) -> dict[str, NodeError]:
    """The error of the nodes of a cycle, by node; `cycle` is in the direction of the data."""
    half = MAX_NAMED_NODES // 2
    left_out = len(cycle) - 2 * half
    start, end = (cycle[:half], cycle[-half:]) if left_out > 0 else (cycle, [])
    middle = [f"({left_out} more)"] if left_out > 0 else []
    path = " -> ".join([*start, *middle, *end, cycle[0]])
    error = NodeError("dependency_cycle", "Dependency cycle detected", path, {})
    return dict.fromkeys([*start, *end], error)
