"""`comfy_execution.utils`: which node is running, also in threads that a node starts."""

from __future__ import annotations

from contextvars import Token
from typing import NamedTuple
from weakref import WeakValueDictionary

from services.executor.custom.running_node import running_node
from services.executor.engine.context import NodeContext, enter_context, leave_context

#: Nodes whose names packs have asked for, by prompt and node, as long as they run.
_asked_for: WeakValueDictionary[tuple[str, str], NodeContext] = WeakValueDictionary()


class ExecutionContext(NamedTuple):
    """The running node of a prompt."""

    prompt_id: str
    node_id: str
    #: which of the items that the node is called for; not told here
    list_index: int | None


def get_executing_context() -> ExecutionContext | None:
    """The node that runs in this thread or task, if any."""
    node = running_node()
    if node is None:
        return None
    _asked_for[node.prompt_id, node.node.node_id] = node
    return ExecutionContext(node.prompt_id, node.node.node_id, None)


class CurrentNodeContext:
    """Makes a node the one that runs, in a thread that it started: `with CurrentNodeContext(prompt_id, node_id)`.

    Its progress and previews are then reported from there.
    """

    def __init__(self, prompt_id: str, node_id: str, list_index: int | None = None) -> None:
        self.context = ExecutionContext(prompt_id, node_id, list_index)
        get_executing_context()  # it may be the very node that runs here
        self._node = _asked_for.get((prompt_id, node_id))
        self._token: Token[NodeContext] | None = None

    def __enter__(self) -> CurrentNodeContext:
        """Begin.

        Raises:
            ValueError: the node does not run, or nobody has asked for its name while it did.
        """
        if self._node is None:
            raise ValueError(f"node {self.context.node_id} of prompt {self.context.prompt_id} does not run here")
        self._token = enter_context(self._node)
        return self

    def __exit__(self, *exception: object) -> None:
        """End."""
        if self._token is not None:
            leave_context(self._token)
