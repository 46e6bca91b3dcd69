"""Keeps the objects that nodes run on, since some remember things between prompts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.graph.model import Node

_Key = tuple[str, str]


class Instances:
    """One object per node id and class, for as long as prompts have such a node."""

    def __init__(self) -> None:
        self._objects: dict[_Key, Any] = {}
        self._file_space = ""

    def begin(self, nodes: Iterable[Node], file_space: str) -> None:
        """Forget the objects of nodes that the prompt about to run does not have, and those that know another user."""
        wanted = {(node.id, node.class_type) for node in nodes} if file_space == self._file_space else set()
        self._file_space = file_space
        self._objects = {key: instance for key, instance in self._objects.items() if key in wanted}

    def of(self, node: Node, cls: Any) -> Any:
        """The node's object, made on first use; what its class raises passes through."""
        key = (node.id, node.class_type)
        if key not in self._objects:
            self._objects[key] = cls()
        return self._objects[key]

    def clear(self) -> None:
        """Forget all."""
        self._objects.clear()
