"""Which class each node of a workflow has, for those who count and tell of its nodes."""

from __future__ import annotations

import json
from functools import cached_property

import msgspec


class _Typed(msgspec.Struct):
    class_type: str = ""


class WorkflowClasses:
    """Read when the first is asked for: most runs are over before anybody asks."""

    def __init__(self, graph_json: bytes) -> None:
        self._graph_json = graph_json

    def of(self, node_id: str) -> str:
        """The class of a node of the workflow; empty for one that it does not have."""
        return self._classes.get(node_id, "")

    @cached_property
    def _classes(self) -> dict[str, str]:
        try:
            nodes = msgspec.json.decode(self._graph_json, type=dict[str, _Typed])
            return {node_id: node.class_type for node_id, node in nodes.items()}
        except msgspec.DecodeError:  # NaN, which is no JSON, or integers of any size
            graph = json.loads(self._graph_json)
            return {node_id: str(node.get("class_type", "")) for node_id, node in graph.items()}
