"""`/object_info`: the published node definitions without what is between executors and the queue."""

from __future__ import annotations

import msgspec

#: Says which inputs a class checks itself; not part of ComfyUI's definition.
_INTERNAL = "validation"


def served_definitions(definitions_json: bytes) -> dict[str, msgspec.Raw]:
    """Class name to its definition, as clients get it."""
    classes = msgspec.json.decode(definitions_json, type=dict[str, dict[str, msgspec.Raw]])
    return {name: _served(definition) for name, definition in classes.items()}


def _served(definition: dict[str, msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({key: value for key, value in definition.items() if key != _INTERNAL}))
