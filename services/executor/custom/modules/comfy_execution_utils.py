"""`comfy_execution.utils`: which node is running."""

from __future__ import annotations

from typing import NamedTuple

from services.executor.custom.running_node import running_node


class ExecutionContext(NamedTuple):
    """The running node of a prompt."""

    prompt_id: str
    node_id: str
    #: which of the items that the node is called for; not told here
    list_index: int | None


def get_executing_context() -> ExecutionContext | None:
    """The node that runs in this thread or task, if any."""
    node = running_node()
    return ExecutionContext(node.prompt_id, node.node.node_id, None) if node else None
