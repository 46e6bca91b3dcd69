"""`/object_info`: the published node definitions without what is between executors and the queue."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

import msgspec

#: Which inputs a class checks itself, and how its results change; not part of ComfyUI's definition.
_INTERNAL = ("validation", "changes")


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


class _Changing(msgspec.Struct):
    changes: msgspec.Raw = msgspec.Raw(b"")


def served_definitions(definitions_json: bytes) -> dict[str, msgspec.Raw]:
    """Class name to its definition, as clients get it."""
    classes = msgspec.json.decode(definitions_json, type=dict[str, dict[str, msgspec.Raw]])
    return {name: _served(definition) for name, definition in classes.items()}


def changes_of(definitions_json: bytes) -> dict[str, msgspec.Raw]:
    """What classes say of how their results change, of those that do."""
    classes = msgspec.json.decode(definitions_json, type=dict[str, _Changing])
    return {name: definition.changes for name, definition in classes.items() if definition.changes}


def _served(definition: dict[str, msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({key: value for key, value in definition.items() if key not in _INTERNAL}))
