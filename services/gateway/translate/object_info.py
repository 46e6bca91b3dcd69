"""`/object_info`: the published node definitions without what is between executors and the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import msgspec

from services.graph.input_lists import InputList

#: Which inputs a class checks itself, how its results change, which inputs offer files: not in ComfyUI's definition.
_INTERNAL = ("validation", "changes", "lists")


class NodeInfo(TypedDict):
    """A node class: how it is used, and how it is shown."""

    input: dict[str, Any]
    input_order: dict[str, list[str]]
    output: list[Any]
    output_is_list: list[bool]
    output_name: list[str]
    name: str
    display_name: str | None
    description: str
    python_module: str
    category: str
    output_node: bool
    output_tooltips: NotRequired[list[str | None]]
    deprecated: NotRequired[bool]
    experimental: NotRequired[bool]
    api_node: NotRequired[bool]


class Internals(msgspec.Struct):
    """What a definition says beside what clients get."""

    #: how results change, see `NodeDefinition.from_json`
    changes: msgspec.Raw = msgspec.Raw(b"null")
    #: which inputs offer input files
    lists: dict[str, InputList] = {}


def served_definitions(definitions_json: bytes) -> dict[str, msgspec.Raw]:
    """Class name to its definition, as clients get it."""
    classes = msgspec.json.decode(definitions_json, type=dict[str, dict[str, msgspec.Raw]])
    return {name: _served(definition) for name, definition in classes.items()}


def internals_of(definitions_json: bytes) -> dict[str, Internals]:
    """What clients do not get, by class."""
    return msgspec.json.decode(definitions_json, type=dict[str, Internals])


def with_choices(definition_json: msgspec.Raw, lists: Mapping[str, InputList], paths: Sequence[str]) -> msgspec.Raw:
    """A definition that offers these input files."""
    definition = msgspec.json.decode(definition_json)
    for group in ("required", "optional"):
        for name, declared in definition["input"].get(group, {}).items():
            if name in lists:
                _offer(declared, lists[name].choices(paths))
    return msgspec.Raw(msgspec.json.encode(definition))


def _offer(declared: list[Any], choices: list[str]) -> None:
    if isinstance(declared[0], list):
        declared[0] = choices
    elif len(declared) > 1 and "options" in declared[1]:
        declared[1]["options"] = choices


def _served(definition: dict[str, msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({key: value for key, value in definition.items() if key not in _INTERNAL}))
