"""The `progress_state` of a prompt: every node that has begun, with its progress."""

from __future__ import annotations

import msgspec

from services.gateway.translate.messages import Message
from services.gateway.translate.numbers import plain
from services.graph.events import NodeRef


class NodeState(msgspec.Struct, frozen=True):
    """One node in `progress_state`, its fields in ComfyUI's order."""

    value: int | float
    max: int | float
    state: str
    node_id: str
    prompt_id: str
    display_node_id: str
    parent_node_id: str | None
    real_node_id: str


class ProgressBoard:
    """Which nodes of a prompt run or are done."""

    def __init__(self, prompt_id: str) -> None:
        self._prompt_id = prompt_id
        self._nodes: dict[str, NodeState] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def start(self, node: NodeRef) -> None:
        """The node begins; one that began before keeps its progress."""
        known = self._nodes.get(node.node_id)
        self._set(node, known.value if known else 0.0, known.max if known else 1.0, "running")

    def advance(self, node: NodeRef, value: float, maximum: float) -> None:
        """The node has done `value` of `maximum` units; late news of a finished node is ignored."""
        known = self._nodes.get(node.node_id)
        if known and known.state == "finished":
            return
        self._set(node, plain(value), plain(maximum), "running")

    def finish(self, node: NodeRef) -> None:
        """The node is done, and therefore all of its units are; of one that did not begin it is one, a whole number."""
        known = self._nodes.get(node.node_id)
        maximum = known.max if known else 1
        self._set(node, maximum, maximum, "finished")

    def message(self) -> Message:
        """All of it, as it is now."""
        return "progress_state", {"prompt_id": self._prompt_id, "nodes": dict(self._nodes)}

    def _set(self, node: NodeRef, value: float, maximum: float, state: str) -> None:
        self._nodes[node.node_id] = NodeState(
            value=value,
            max=maximum,
            state=state,
            node_id=node.node_id,
            prompt_id=self._prompt_id,
            display_node_id=node.display_node_id,
            parent_node_id=node.parent_node_id,
            real_node_id=node.real_node_id,
        )


def progress(node: NodeRef, value: float, maximum: float, prompt_id: str) -> Message:
    """How far one node is."""
    return "progress", {"value": plain(value), "max": plain(maximum), "prompt_id": prompt_id, "node": node.node_id}
