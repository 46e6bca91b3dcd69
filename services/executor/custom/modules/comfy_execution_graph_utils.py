"""`comfy_execution.graph_utils`: subgraphs that nodes expand to."""

from __future__ import annotations

from typing import Any

from services.executor.custom.running_node import running_node
from services.executor.engine.blocking import ExecutionBlocker

__all__ = ["ExecutionBlocker", "GraphBuilder", "Node", "add_graph_prefix", "is_link"]

Link = list[Any]


def is_link(obj: object) -> bool:
    """Whether a value is a link: [node id, number of an output]."""
    return isinstance(obj, list) and len(obj) == 2 and isinstance(obj[0], str) and type(obj[1]) in (int, float)


class Node:
    """A node of a subgraph."""

    def __init__(self, id: str, class_type: str, inputs: dict[str, Any]) -> None:
        self.id = id
        self.class_type = class_type
        self.inputs = inputs
        self.override_display_id: str | None = None

    def out(self, index: int) -> Link:
        """A link to one of its outputs."""
        return [self.id, index]

    def set_input(self, key: str, value: Any) -> None:
        """Set an input, or take it away with None."""
        if value is None:
            self.inputs.pop(key, None)
        else:
            self.inputs[key] = value

    def get_input(self, key: str) -> Any:
        """An input's value or link, None when it has none."""
        return self.inputs.get(key)

    def set_override_display_id(self, override_display_id: str) -> None:
        """Show it as another node of the workflow."""
        self.override_display_id = override_display_id

    def serialize(self) -> dict[str, Any]:
        """The node as a prompt has it."""
        serialized: dict[str, Any] = {"class_type": self.class_type, "inputs": self.inputs}
        if self.override_display_id is not None:
            serialized["override_display_id"] = self.override_display_id
        return serialized


class GraphBuilder:
    """A subgraph in the making; its ids begin with what is the running node's own, unless a prefix is given."""

    _counted_prefixes = 0

    def __init__(self, prefix: str | None = None) -> None:
        self.prefix = self.alloc_prefix() if prefix is None else prefix
        self.nodes: dict[str, Node] = {}
        self.id_gen = 1

    @classmethod
    def set_default_prefix(cls, prefix_root: str, call_index: int, graph_index: int = 0) -> None:
        """Accepted and without effect: the running node says what ids begin with."""

    @classmethod
    def alloc_prefix(
        cls, root: str | None = None, call_index: int | None = None, graph_index: int | None = None
    ) -> str:
        """What no other id begins with; parts that are not given come from the running node."""
        if root is not None and call_index is not None and graph_index is not None:
            return f"{root}.{call_index}.{graph_index}."
        if node := running_node():
            return node.next_subgraph_prefix()
        GraphBuilder._counted_prefixes += 1
        return f"{root or ''}.{call_index or 0}.{GraphBuilder._counted_prefixes}."

    def node(self, class_type: str, id: str | None = None, **kwargs: Any) -> Node:
        """Add a node, or find the one with this id; `kwargs` are its inputs."""
        if id is None:
            id = str(self.id_gen)
            self.id_gen += 1
        full_id = self.prefix + id
        if full_id not in self.nodes:
            self.nodes[full_id] = Node(full_id, class_type, kwargs)
        return self.nodes[full_id]

    def lookup_node(self, id: str) -> Node | None:
        """The node with this id, as it was given to `node`."""
        return self.nodes.get(self.prefix + id)

    def remove_node(self, id: str) -> None:
        """Take a node out, by its whole id or as it was given to `node`."""
        del self.nodes[id if id in self.nodes else self.prefix + id]

    def replace_node_output(self, node_id: str, index: int, new_value: Any) -> None:
        """Put a value wherever an output of a node is linked; None takes the inputs away."""
        wanted = [node_id if node_id in self.nodes else self.prefix + node_id, index]
        for node in self.nodes.values():
            for key in [key for key, value in node.inputs.items() if is_link(value) and value == wanted]:
                node.set_input(key, new_value)

    def finalize(self) -> dict[str, Any]:
        """The subgraph as a node returns it under "expand"."""
        return {id: node.serialize() for id, node in self.nodes.items()}


def add_graph_prefix(graph: dict[str, Any], outputs: Any, prefix: str) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """A subgraph and links to it with another beginning of all ids."""

    def moved(value: Any) -> Any:
        return [prefix + value[0], value[1]] if is_link(value) else value

    def moved_node(node: dict[str, Any]) -> dict[str, Any]:
        return {**node, "inputs": {key: moved(value) for key, value in node.get("inputs", {}).items()}}

    return {prefix + id: moved_node(node) for id, node in graph.items()}, tuple(moved(value) for value in outputs)
