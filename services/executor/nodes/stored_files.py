"""What nodes that store files have in common: where they go, what they say of them, and the workflow inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.executor.engine.context import current_context
from services.executor.nodes.filename_prefix import for_item
from services.files.records import FileName


def store(place: FileName, extension: str, data: bytes, index: int | None = None) -> dict[str, str]:
    """Write a new file, numbered after those that are there, and say under which name, as nodes show it.

    Args:
        place: what its name begins with.
        index: of the item of a batch that it is.

    Raises:
        ResourceExhausted: the disk is full.
    """
    prefix = place.filename if index is None else for_item(place.filename, index)
    name = current_context().files.save(place.kind, place.subfolder, prefix, extension, data)
    return {"filename": name.filename, "subfolder": name.subfolder, "type": name.kind.value}


def workflow_texts(prompt: object, extra_pnginfo: Mapping[str, Any] | None) -> dict[str, Any]:
    """What lets a client find the workflow in a file: `prompt`, and every key of extra_pnginfo."""
    return {**({} if prompt is None else {"prompt": prompt}), **(extra_pnginfo or {})}
