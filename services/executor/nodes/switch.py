"""The node that takes one of two values, and only works for that one."""

from __future__ import annotations

from typing import Any

from services.executor.nodes.declarations import Declaration
from services.executor.nodes.schema_node import SchemaNode

#: A type that is whatever the other places of the same template are linked to.
MATCHING = "COMFY_MATCHTYPE_V3"
TEMPLATE = "switch"
BRANCH: Declaration = (MATCHING, {"lazy": True, "template": {"template_id": TEMPLATE, "allowed_types": "*"}})


class ComfySwitchNode(SchemaNode):
    """One of two values."""

    DISPLAY_NAME = "Switch"
    RETURN_TYPES = (MATCHING,)
    RETURN_NAMES = ("output",)
    OUTPUT_MATCHTYPES = (TEMPLATE,)
    FUNCTION = "execute"
    CATEGORY = "logic"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_logic"
    EXPERIMENTAL = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Which one, and both."""
        return {"required": {"switch": ("BOOLEAN", {}), "on_false": BRANCH, "on_true": BRANCH}}

    def check_lazy_status(self, switch: bool, on_false: object = None, on_true: object = None) -> list[str]:
        """Only the branch that is taken is needed."""
        return ["on_true" if switch else "on_false"]

    def execute(self, switch: bool, on_false: Any = None, on_true: Any = None) -> tuple[Any]:
        """Return the value of the branch."""
        return (on_true if switch else on_false,)


NODES: tuple[type, ...] = (ComfySwitchNode,)
