"""Nodes that hold one value, for several inputs to take it from."""

from __future__ import annotations

from typing import Any

from services.executor.nodes.schema_node import SchemaNode

LARGEST_NUMBER = 2**63 - 1


class Primitive(SchemaNode):
    """A node that hands out what was put into it."""

    FUNCTION = "execute"
    CATEGORY = "utils/primitive"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_primitive"
    RETURN_TYPES: tuple[str, ...] = ()
    OPTIONS: dict[str, Any] = {}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The value."""
        return {"required": {"value": (cls.RETURN_TYPES[0], dict(cls.OPTIONS))}}

    def execute(self, value: Any) -> tuple[Any]:
        """Return the value."""
        return (value,)


class PrimitiveString(Primitive):
    """A text of one line."""

    DISPLAY_NAME = "String"
    RETURN_TYPES = ("STRING",)
    OPTIONS = {"multiline": False}


class PrimitiveStringMultiline(Primitive):
    """A text of any number of lines."""

    DISPLAY_NAME = "String (Multiline)"
    RETURN_TYPES = ("STRING",)
    OPTIONS = {"multiline": True}


class PrimitiveInt(Primitive):
    """A whole number."""

    DISPLAY_NAME = "Int"
    RETURN_TYPES = ("INT",)
    OPTIONS = {"min": -LARGEST_NUMBER, "max": LARGEST_NUMBER, "control_after_generate": True}


class PrimitiveFloat(Primitive):
    """A number."""

    DISPLAY_NAME = "Float"
    RETURN_TYPES = ("FLOAT",)
    OPTIONS = {"min": -LARGEST_NUMBER, "max": LARGEST_NUMBER}


class PrimitiveBoolean(Primitive):
    """Yes or no."""

    DISPLAY_NAME = "Boolean"
    RETURN_TYPES = ("BOOLEAN",)


NODES: tuple[type, ...] = (
    PrimitiveString,
    PrimitiveStringMultiline,
    PrimitiveInt,
    PrimitiveFloat,
    PrimitiveBoolean,
)
