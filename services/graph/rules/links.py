"""Links lead to an output of the right type."""

from __future__ import annotations

from typing import Any

from services.graph.compatibility import CHOICE, accepts
from services.graph.definitions import Catalogue, InputDefinition, NodeDefinition
from services.graph.errors import NodeError
from services.graph.model import Graph, Link
from services.graph.rules.exceptions import Fault

BAD_LINK = "bad_linked_input"


def bad_link(declared: InputDefinition, value: list[Any]) -> NodeError | Fault:
    """What is wrong with a list that is no link."""
    if len(value) == 2:
        return Fault(*_misspelt(*value))
    extra = {"input_name": declared.name, "input_config": declared.config, "received_value": value}
    message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
    return NodeError(BAD_LINK, message, declared.name, extra)


def _misspelt(node_id: Any, slot: Any) -> tuple[str, str]:
    if not isinstance(node_id, str):
        return "KeyError", repr(node_id)
    return "TypeError", f"tuple indices must be integers or slices, not {type(slot).__name__}"


def check_target(link: Link, graph: Graph, catalogue: Catalogue) -> Fault | None:
    """What is wrong with where a link leads: no such node, or no such output."""
    source = graph.nodes.get(link.node_id)
    if source is None:
        return Fault("KeyError", repr(link.node_id))
    count = len(catalogue[source.class_type].outputs)
    if not -count <= link.slot < count:
        return Fault("IndexError", "tuple index out of range")
    return None


def check_type(
    declared: InputDefinition, link: Link, graph: Graph, catalogue: Catalogue, definition: NodeDefinition
) -> NodeError | None:
    """Whether the output is of a type that the input takes; the class or the types may judge that themselves."""
    source = catalogue[graph.nodes[link.node_id].class_type]
    received = source.outputs[link.slot]
    if definition.own_checks.covers_types or _fits(declared, definition, source, link.slot):
        return None
    extra = {
        "input_name": declared.name,
        "input_config": declared.config,
        "received_type": received,
        "linked_node": link.to_json(),
    }
    details = f"{declared.name}, received_type({received}) mismatch input_type({declared.type})"
    return NodeError("return_type_mismatch", "Return type mismatch between linked nodes", details, extra)


def _fits(declared: InputDefinition, definition: NodeDefinition, source: NodeDefinition, slot: int) -> bool:
    received = source.outputs[slot]
    taken = definition.own_types.inputs.get(declared.name)
    if taken is not None:
        return _name(received) in taken
    fitting = source.own_types.outputs.get(slot % len(source.outputs))
    if fitting is not None:
        return _name(declared.type) in fitting
    return accepts(declared.type, received)


def _name(kind: Any) -> Any:
    return CHOICE if isinstance(kind, list) else kind
