"""What a node needs before it can run."""

from __future__ import annotations

from services.executor.engine.dynamic_prompt import DynamicPrompt
from services.executor.engine.inputs import FindResult, MissingInputError
from services.executor.engine.node_class import NodeClass, NodeClasses
from services.graph.model import Link, Node


class Dependencies:
    """The nodes that each node of a run takes something from, other than through lazy inputs."""

    def __init__(self, prompt: DynamicPrompt, classes: NodeClasses) -> None:
        self._prompt = prompt
        self._classes = classes
        self._known: dict[str, list[str]] = {}

    def of(self, node_id: str) -> list[str]:
        """The nodes to run before this one."""
        if node_id not in self._known:
            self._known[node_id] = self._find(node_id)
        return self._known[node_id]

    def forget(self, node_id: str) -> None:
        """A node may come to be another one."""
        self._known.pop(node_id, None)

    def is_async(self, node_id: str) -> bool:
        """Whether a node is a coroutine, so that others can run once it has begun."""
        node_class = self._class_of(self._prompt.nodes[node_id])
        return node_class is not None and node_class.is_async

    def _find(self, node_id: str) -> list[str]:
        node = self._prompt.nodes[node_id]
        node_class = self._class_of(node)
        return [
            link.node_id
            for name, link in node.links()
            if link.node_id in self._prompt.nodes and not (node_class and node_class.is_lazy(name, node.inputs))
        ]

    def _class_of(self, node: Node) -> NodeClass | None:
        try:
            return self._classes[node.class_type]
        except (Exception, SystemExit):  # a class that cannot be read fails when its node is run
            return None


def not_computed(node: Node, node_class: NodeClass, find_result: FindResult) -> dict[str, Link]:
    """The lazy inputs of a node that are linked to nodes without a result (yet)."""
    return {
        name: link
        for name, link in node.links()
        if node_class.is_lazy(name, node.inputs) and find_result(link.node_id) is None
    }


def sources_of(names: list[str], node: Node, missing: dict[str, Link], prompt: DynamicPrompt) -> list[str]:
    """The nodes to run for the lazy inputs that a node asks for.

    Raises:
        MissingInputError: it asks for something that is linked to nothing.
    """
    sources: dict[str, None] = {}
    for name in names:
        if name not in node.inputs or (name in missing and missing[name].node_id not in prompt.nodes):
            raise MissingInputError(f"{node.class_type} asks for its input {name}, which is linked to nothing")
        if name in missing:
            sources[missing[name].node_id] = None
    return list(sources)
