"""A prompt as a graph: nodes with constants and links to other nodes' outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from services.graph.errors import PromptRejected

#: Levels of lists and objects inside one constant; deeper ones exhaust the stack of whoever walks them.
MAX_NESTING = 64


class Link(msgspec.Struct, frozen=True):
    """An input that takes what another node puts out; a negative slot counts from the last output."""

    node_id: str
    slot: int

    def to_json(self) -> list[Any]:
        """The form it has in a prompt."""
        return [self.node_id, self.slot]


class Node(msgspec.Struct, frozen=True):
    """One node of a prompt.

    A value of `inputs` is a `Link`, or a constant as it was sent. A constant list that is not wrapped in
    `{"__value__": ...}` is a link that somebody got wrong: validation refuses it.
    """

    id: str
    class_type: str
    inputs: Mapping[str, Any]

    def links(self) -> Iterator[tuple[str, Link]]:
        """The inputs that take other nodes' outputs, by name."""
        return ((name, value) for name, value in self.inputs.items() if isinstance(value, Link))


class Graph(msgspec.Struct, frozen=True):
    """A prompt; `nodes` keeps the order in which they were sent."""

    nodes: Mapping[str, Node]
    #: the JSON object as it was sent, with what only frontends read (`_meta`)
    source: Mapping[str, Any]

    def sources(self, node_id: str) -> Iterator[str]:
        """The nodes that a node takes something from, as often as it does; links to nowhere are left out."""
        return (link.node_id for _, link in self.nodes[node_id].links() if link.node_id in self.nodes)


def parse_graph(graph_json: bytes) -> Graph:
    """Read a prompt: a JSON object of node id to {"class_type", "inputs"}.

    NaN and infinities are accepted, integers have any size, the order of keys is kept.

    Raises:
        PromptRejected: `no_prompt` when there is none, `invalid_prompt` naming the node that cannot be read.
    """
    source = _load(graph_json)
    if source is None:
        raise PromptRejected.because("no_prompt", "No prompt provided", "No prompt provided")
    if source == []:
        source = {}
    if not isinstance(source, dict):
        raise _invalid("The prompt must be a JSON object of nodes", f"got {_json_type(source)}")
    return Graph({node_id: parse_node(node_id, raw) for node_id, raw in source.items()}, source)


def parse_node(node_id: str, raw: Any) -> Node:
    """Read one node; `raw` is its JSON object.

    Raises:
        PromptRejected: `invalid_prompt` naming the node.
    """
    if not _is_text(node_id):
        raise _invalid("A node id is not valid Unicode", f"Node ID {node_id!a}")
    if not isinstance(raw, dict) or "class_type" not in raw:
        raise _invalid_node("Cannot execute because a node is missing the class_type property.", node_id)
    class_type = raw["class_type"]
    if not isinstance(class_type, str) or not _is_text(class_type):
        raise unknown_class(node_id, class_type)
    inputs = raw.get("inputs", {})
    if not isinstance(inputs, dict):
        raise _invalid_node(f"The inputs of a node must be a JSON object, not {_json_type(inputs)}.", node_id)
    return Node(node_id, class_type, {name: _value(node_id, name, value) for name, value in inputs.items()})


def as_link(value: Any) -> Link | None:
    """The link that a JSON list [node id, slot] stands for; None for anything else."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int:
        return Link(value[0], value[1])
    return None


def unknown_class(node_id: str, class_type: Any) -> PromptRejected:
    """The rejection of a prompt with a node whose class nobody has."""
    return _invalid_node(f"Cannot execute because node {class_type!s:.200} does not exist.", node_id)


def _load(graph_json: bytes) -> Any:
    if not graph_json:
        return None
    try:
        return json.loads(graph_json)
    except (ValueError, RecursionError) as error:
        raise _invalid("The prompt is not valid JSON", str(error)) from error


def _value(node_id: str, name: str, value: Any) -> Any:
    if link := as_link(value):
        return link
    if isinstance(value, list | dict) and _nesting_exceeds(value, MAX_NESTING):
        raise _invalid_node(f"Input {name} is nested deeper than {MAX_NESTING} levels.", node_id)
    return value


def _nesting_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [item for parent in level for item in _children(parent)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterator[Any]:
    items = value.values() if isinstance(value, dict) else value
    return (item for item in items if isinstance(item, list | dict))


def _is_text(text: str) -> bool:
    """Whether it has no lone surrogates, which JSON can spell and nothing else can carry."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_type(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _invalid_node(message: str, node_id: str) -> PromptRejected:
    return _invalid(message, f"Node ID '#{node_id}'")


def _invalid(message: str, details: str) -> PromptRejected:
    return PromptRejected.because("invalid_prompt", message, details)
