"""The running prompt as nodes see it through the hidden input DYNPROMPT."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from services.graph.events import NodeRef
from services.graph.model import Graph


class DynamicPrompt:
    """The nodes of a running prompt, by the names that node packs know."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def ref(self, node_id: str) -> NodeRef:
        """The node as the outside sees it."""
        return NodeRef.of_workflow(node_id)

    def get_node(self, node_id: str) -> Any:
        """The JSON object of a node.

        Raises:
            KeyError: there is no such node.
        """
        return self._graph.source[node_id]

    def has_node(self, node_id: str) -> bool:
        """Whether there is such a node."""
        return node_id in self._graph.nodes

    def all_node_ids(self) -> Set[str]:
        """The ids of all nodes."""
        return self._graph.nodes.keys()

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
