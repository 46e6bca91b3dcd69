"""The node that shows a value of any type."""

from __future__ import annotations

import json
from typing import Any

#: Characters; more would only fill the history.
LONGEST_PREVIEW = 1_000_000


class PreviewAny:
    """A value as text."""

    DISPLAY_NAME = "Preview Any"
    RETURN_TYPES = ()
    FUNCTION = "main"
    OUTPUT_NODE = True
    CATEGORY = "utils"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_preview_any"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The value."""
        return {"required": {"source": ("*", {})}}

    def main(self, source: object = None) -> dict[str, Any]:
        """Show the value: JSON where that can say it, else what Python calls it."""
        text = _as_text(source)
        if len(text) > LONGEST_PREVIEW:
            text = f"{text[:LONGEST_PREVIEW]}… ({len(text):,} characters in all)"
        return {"ui": {"text": (text,)}}


def _as_text(value: object) -> str:
    if value is None or isinstance(value, str | int | float):
        return str(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return str(value)


NODES: tuple[type, ...] = (PreviewAny,)
