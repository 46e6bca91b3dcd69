"""Signs the nodes of a prompt, so that results of earlier prompts are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from services.executor.engine.dynamic_prompt import DynamicPrompt
from services.executor.engine.inputs import constant
from services.executor.engine.node_class import NodeClass, NodeClasses
from services.graph.model import Link, Node
from services.graph.signature import Signature, node_signature
from services.graph.traversal import Ancestry

#: What a class says about changes that its inputs do not show (IS_CHANGED).
Fingerprint = Callable[[Node, NodeClass], Any]


class Signatures:
    """The signature of every node that was signed, each made once; None for what can never be reused."""

    def __init__(self, prompt: DynamicPrompt, classes: NodeClasses, fingerprint: Fingerprint, file_space: str) -> None:
        """Signatures within a space of files: the same names are other files in another one."""
        self._prompt = prompt
        self._classes = classes
        self._fingerprint = fingerprint
        self._file_space = file_space
        self._signatures: dict[str, Signature | None] = {}

    def sign(self, node_ids: Iterable[str]) -> None:
        """Sign these nodes and what they depend on; the class of each is asked about changes once."""
        new = [node_id for node_id in node_ids if node_id not in self._signatures]
        for node_id in Ancestry(new, self._unsigned_sources).order:
            self._signatures[node_id] = self._sign(self._prompt.nodes[node_id])

    def of(self, node_id: str) -> Signature | None:
        """The signature of a node; None when its result can never be reused."""
        return self._signatures.get(node_id)

    def all(self) -> list[Signature]:
        """Every signature there is."""
        return [signature for signature in self._signatures.values() if signature is not None]

    def _unsigned_sources(self, node_id: str) -> Iterable[str]:
        return (source for source in self._prompt.sources(node_id) if source not in self._signatures)

    def _sign(self, node: Node) -> Signature | None:
        try:
            node_class = self._classes[node.class_type]
        except (Exception, SystemExit):  # a class that cannot be read fails when its node is run
            return None
        return node_signature(
            node.class_type,
            {name: _comparable(node_class, node, name, value) for name, value in node.inputs.items()},
            self._signatures,
            fingerprint=self._fingerprint(node, node_class) if node_class.tells_changes else None,
            file_space=self._file_space,
            only_as="" if node_class.shares_results else node.id,
        )


def _comparable(node_class: NodeClass, node: Node, name: str, value: Any) -> Any:
    return value if isinstance(value, Link) else constant(node_class.input(name, node.inputs), value)
