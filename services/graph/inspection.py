"""Holds one node's inputs to the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.graph.definitions import Catalogue, InputDefinition, NodeDefinition
from services.graph.dynamic_inputs import expanded
from services.graph.errors import NodeError
from services.graph.model import Graph, Link, Node
from services.graph.rules import constants, missing
from services.graph.rules.constants import check_constant
from services.graph.rules.exceptions import Fault
from services.graph.rules.links import BAD_LINK, bad_link, check_target, check_type
from services.graph.rules.missing import required_input_missing

Finding = NodeError | Fault

#: What a node declares, by name.
Inputs = Mapping[str, InputDefinition]

#: After these a class cannot be asked about the node: it would not get all its arguments, or not as declared.
_UNASKABLE = {missing.TYPE, constants.INVALID_TYPE, BAD_LINK}


def inspect_node(node: Node, graph: Graph, catalogue: Catalogue) -> list[Finding]:
    """What is wrong with a node's inputs, in the order of their declaration."""
    definition = catalogue[node.class_type]
    inputs = expanded(definition.inputs, node.inputs)
    return [*_declared(node, definition, inputs, graph, catalogue), *_undeclared(node, inputs, graph, catalogue)]


def can_be_asked(definition: NodeDefinition, findings: list[Finding]) -> bool:
    """Whether the class of a node with these findings has a say in its inputs."""
    return definition.checks_itself and not any(
        isinstance(finding, Fault) or finding.type in _UNASKABLE for finding in findings
    )


def _declared(
    node: Node, definition: NodeDefinition, inputs: Inputs, graph: Graph, catalogue: Catalogue
) -> Iterator[Finding]:
    for declared in inputs.values():
        finding = _check_presence(declared, node, definition, graph, catalogue)
        if finding is not None:
            yield finding


def _check_presence(
    declared: InputDefinition, node: Node, definition: NodeDefinition, graph: Graph, catalogue: Catalogue
) -> Finding | None:
    if declared.name in node.inputs:
        return _check(declared, node.inputs[declared.name], definition, graph, catalogue)
    return required_input_missing(declared.name) if declared.required else None


def _check(
    declared: InputDefinition, value: Any, definition: NodeDefinition, graph: Graph, catalogue: Catalogue
) -> Finding | None:
    if isinstance(value, Link):
        return check_target(value, graph, catalogue) or check_type(declared, value, graph, catalogue, definition)
    if isinstance(value, list):
        return bad_link(declared, value)
    return check_constant(declared, value, definition.own_checks)


def _undeclared(node: Node, inputs: Inputs, graph: Graph, catalogue: Catalogue) -> Iterator[Finding]:
    """Links of inputs that the class does not declare: it gets them all the same."""
    for name, link in node.links():
        if name not in inputs and (finding := check_target(link, graph, catalogue)):
            yield finding
