"""Signs the nodes of a prompt, so that results of earlier prompts are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.executor.engine.inputs import constant
from services.executor.engine.node_class import NodeClass, NodeClasses
from services.graph.model import Graph, Link, Node
from services.graph.signature import Signature, node_signature
from services.graph.traversal import Ancestry

#: What a class says about changes that its inputs do not show (IS_CHANGED).
Fingerprint = Callable[[Node, NodeClass], Any]


def sign_graph(graph: Graph, classes: NodeClasses, fingerprint: Fingerprint) -> dict[str, Signature | None]:
    """The signature of every node, in one pass over the graph; None for what can never be reused.

    All nodes are signed, wanted or not: the cache keeps what the prompt refers to. `fingerprint` is called once for
    every node whose class tells changes.
    """
    signatures: dict[str, Signature | None] = {}
    for node_id in Ancestry(graph.nodes, graph.sources).order:
        signatures[node_id] = _sign(graph.nodes[node_id], classes, fingerprint, signatures)
    return signatures


def _sign(
    node: Node, classes: NodeClasses, fingerprint: Fingerprint, signatures: dict[str, Signature | None]
) -> Signature | None:
    try:
        node_class = classes[node.class_type]
    except Exception:  # a class that cannot be read fails when its node is run
        return None
    return node_signature(
        node.class_type,
        {name: _comparable(node_class, name, value) for name, value in node.inputs.items()},
        signatures,
        fingerprint=fingerprint(node, node_class) if node_class.tells_changes else None,
        only_as="" if node_class.shares_results else node.id,
    )


def _comparable(node_class: NodeClass, name: str, value: Any) -> Any:
    return value if isinstance(value, Link) else constant(node_class.input(name), value)
