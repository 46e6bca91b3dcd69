"""The running prompt, which nodes may add nodes to; they see it through the hidden input DYNPROMPT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from services.executor.engine.results import UnusableResultError
from services.graph.errors import PromptRejected
from services.graph.events import NodeRef
from services.graph.model import Graph, Node, parse_node


class DynamicPrompt:
    """The nodes of a running prompt; `get_…`, `has_node` and `all_node_ids` are what node packs know."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.nodes: dict[str, Node] = dict(graph.nodes)
        self._added: dict[str, Any] = {}
        self._refs: dict[str, NodeRef] = {}
        self._children: dict[str, list[str]] = {}
        self._replaceable: set[str] = set()

    def ref(self, node_id: str) -> NodeRef:
        """The node as the outside sees it."""
        return self._refs.get(node_id) or NodeRef.of_workflow(node_id)

    def is_added(self, node_id: str) -> bool:
        """Whether another node created it."""
        return node_id in self._refs

    def sources(self, node_id: str) -> Iterator[str]:
        """The nodes that a node takes something from, as often as it does; links to nowhere are left out."""
        return (link.node_id for _, link in self.nodes[node_id].links() if link.node_id in self.nodes)

    def add(self, parent_id: str, subgraph: Any) -> list[str]:
        """Add the nodes that a node asks for, JSON objects by id whose constants may be anything; answers their ids.

        Raises:
            UnusableResultError: they cannot be read, or one is there already.
        """
        maker = self.nodes[parent_id].class_type
        if not isinstance(subgraph, Mapping):
            raise UnusableResultError(f"{maker} expands to a {type(subgraph).__name__}, not a dict of nodes")
        nodes = [self._read(maker, node_id, raw) for node_id, raw in subgraph.items()]
        self._children.setdefault(parent_id, []).extend(node.id for node in nodes)
        for node in nodes:
            self._replaceable.discard(node.id)
            self.nodes[node.id] = node
            self._added[node.id] = raw = subgraph[node.id]
            self._refs[node.id] = self._ref_of_added(node.id, parent_id, raw.get("override_display_id"))
        return [node.id for node in nodes]

    def may_repeat(self, node_id: str) -> None:
        """The result of a node is gone: should it run again, it may add the same nodes again."""
        self._replaceable.update(self._children.pop(node_id, ()))

    def _read(self, maker: str, node_id: Any, raw: Any) -> Node:
        if node_id in self.nodes and node_id not in self._replaceable:
            raise UnusableResultError(f"{maker} expands to a node {node_id}, which is there already")
        try:
            return parse_node(node_id, raw)
        except (PromptRejected, TypeError, AttributeError) as error:
            raise UnusableResultError(f"{maker} expands to a node {node_id} that cannot be read: {error}") from error

    def _ref_of_added(self, node_id: str, parent_id: str, shown_as: str | None) -> NodeRef:
        display = self.ref(shown_as or parent_id).display_node_id
        return NodeRef(node_id, display, parent_id, self.ref(parent_id).real_node_id)

    def get_node(self, node_id: str) -> Any:
        """The JSON object of a node.

        Raises:
            KeyError: there is no such node.
        """
        return self._added[node_id] if node_id in self._added else self._graph.source[node_id]

    def has_node(self, node_id: str) -> bool:
        """Whether there is such a node."""
        return node_id in self.nodes

    def all_node_ids(self) -> Set[str]:
        """The ids of all nodes."""
        return self.nodes.keys()

    def get_original_prompt(self) -> Any:
        """The JSON object of the prompt as it was submitted."""
        return self._graph.source

    def get_real_node_id(self, node_id: str) -> str:
        """The node of the workflow that ultimately created a node."""
        return self.ref(node_id).real_node_id

    def get_parent_node_id(self, node_id: str) -> str | None:
        """The node that created a node, None for nodes of the workflow."""
        return self.ref(node_id).parent_node_id

    def get_display_node_id(self, node_id: str) -> str:
        """The node of the workflow that stands for a node."""
        return self.ref(node_id).display_node_id
