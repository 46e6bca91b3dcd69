"""What nodes have in common that ComfyUI declares through its newer schema: a definition with more keys."""

from __future__ import annotations

from typing import Any


class SchemaNode:
    """A node whose definition always says whether it is deprecated, experimental or an API's.

    A node without a display name of its own has none, where older nodes are called by their class.
    """

    FULL_DEFINITION = True
    DISPLAY_NAME: str | None = None
    OUTPUT_TOOLTIPS: tuple[str | None, ...] = (None,)
    DEPRECATED = False
    EXPERIMENTAL = False
    API_NODE = False


def combo(*options: str, default: str | None = None) -> tuple[str, dict[str, Any]]:
    """The declaration of a choice as the schema writes it."""
    chosen = {} if default is None else {"default": default}
    return "COMBO", chosen | {"multiselect": False, "options": list(options)}
