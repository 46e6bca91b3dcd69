"""The node that runs, for code that may as well run outside of one."""

from __future__ import annotations

from services.executor.engine.context import NodeContext, current_context


def running_node() -> NodeContext | None:
    """The context of the node that runs in this thread or task, if any."""
    try:
        return current_context()
    except LookupError:
        return None
