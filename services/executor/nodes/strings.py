"""Nodes that make and compare texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.executor.nodes.schema_node import SchemaNode, combo

MULTILINE = ("STRING", {"multiline": True})

#: Characters; a text that doubles from node to node would fill the memory.
LONGEST_TEXT = 1 << 26

CASES: Mapping[str, Callable[[str], str]] = {
    "UPPERCASE": str.upper,
    "lowercase": str.lower,
    "Capitalize": str.capitalize,
    "Title Case": str.title,
}
TRIMS: Mapping[str, Callable[[str], str]] = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}
COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "Starts With": str.startswith,
    "Ends With": str.endswith,
    "Equal": str.__eq__,
}


def require_length(length: int, what: str) -> None:
    """Refuse to make a text that is too long.

    Raises:
        ValueError: it would be longer than `LONGEST_TEXT`; `what` names the input that makes it so.
    """
    if length > LONGEST_TEXT:
        raise ValueError(f"{what}: the text would have {length:,} characters, more than the {LONGEST_TEXT:,} allowed")


class StringNode(SchemaNode):
    """A node of texts."""

    FUNCTION = "execute"
    CATEGORY = "utils/string"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_string"
    RETURN_TYPES: tuple[str, ...] = ("STRING",)


class StringConcatenate(StringNode):
    """Two texts after each other."""

    DISPLAY_NAME = "Concatenate"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The texts and what stands between them."""
        delimiter = ("STRING", {"default": "", "multiline": False})
        return {"required": {"string_a": MULTILINE, "string_b": MULTILINE, "delimiter": delimiter}}

    def execute(self, string_a: str, string_b: str, delimiter: str) -> tuple[str]:
        """Return both with the delimiter between them."""
        require_length(len(string_a) + len(delimiter) + len(string_b), "string_b")
        return (string_a + delimiter + string_b,)


class StringSubstring(StringNode):
    """A part of a text."""

    DISPLAY_NAME = "Substring"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text, its first character that is taken, and the first that is not."""
        return {"required": {"string": MULTILINE, "start": ("INT", {}), "end": ("INT", {})}}

    def execute(self, string: str, start: int, end: int) -> tuple[str]:
        """Return the characters from start up to end; negative numbers count from the end of the text."""
        return (string[start:end],)


class StringLength(StringNode):
    """How long a text is."""

    DISPLAY_NAME = "Length"
    RETURN_TYPES = ("INT",)
    RETURN_NAMES = ("length",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text."""
        return {"required": {"string": MULTILINE}}

    def execute(self, string: str) -> tuple[int]:
        """Return the number of characters."""
        return (len(string),)


class CaseConverter(StringNode):
    """Small letters made capitals, or the other way round."""

    DISPLAY_NAME = "Case Converter"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text and the case to bring it to."""
        return {"required": {"string": MULTILINE, "mode": combo(*CASES)}}

    def execute(self, string: str, mode: str) -> tuple[str]:
        """Return the text in that case, as it is for an unknown one."""
        return (CASES.get(mode, str)(string),)


class StringTrim(StringNode):
    """A text without the blanks around it."""

    DISPLAY_NAME = "Trim"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text and where to look for blanks."""
        return {"required": {"string": MULTILINE, "mode": combo(*TRIMS)}}

    def execute(self, string: str, mode: str) -> tuple[str]:
        """Return what is left, the text as it is for an unknown mode."""
        return (TRIMS.get(mode, str)(string),)


class StringReplace(StringNode):
    """A text with another in place of each occurrence of one."""

    DISPLAY_NAME = "Replace"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text, what to find in it and what to put there."""
        return {"required": {"string": MULTILINE, "find": MULTILINE, "replace": MULTILINE}}

    def execute(self, string: str, find: str, replace: str) -> tuple[str]:
        """Return the text with all occurrences replaced; the empty text occurs around every character."""
        require_length(len(string) + string.count(find) * (len(replace) - len(find)), "replace")
        return (string.replace(find, replace),)


class StringContains(StringNode):
    """Whether a text occurs in another."""

    DISPLAY_NAME = "Contains"
    RETURN_TYPES = ("BOOLEAN",)
    RETURN_NAMES = ("contains",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text, what to look for, and whether capitals matter."""
        sensitive = ("BOOLEAN", {"default": True})
        return {"required": {"string": MULTILINE, "substring": MULTILINE, "case_sensitive": sensitive}}

    def execute(self, string: str, substring: str, case_sensitive: bool) -> tuple[bool]:
        """Return whether it occurs."""
        if not case_sensitive:
            string, substring = string.lower(), substring.lower()
        return (substring in string,)


class StringCompare(StringNode):
    """Whether two texts are alike."""

    DISPLAY_NAME = "Compare"
    RETURN_TYPES = ("BOOLEAN",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The texts, in what they are to be alike, and whether capitals matter."""
        return {
            "required": {
                "string_a": MULTILINE,
                "string_b": MULTILINE,
                "mode": combo(*COMPARISONS),
                "case_sensitive": ("BOOLEAN", {"default": True}),
            }
        }

    def execute(self, string_a: str, string_b: str, mode: str, case_sensitive: bool) -> tuple[bool]:
        """Return whether the first starts with, ends with or equals the second.

        Raises:
            ValueError: unknown mode.
        """
        if mode not in COMPARISONS:
            raise ValueError(f"mode: {mode!r} is not one of {', '.join(COMPARISONS)}")
        if not case_sensitive:
            string_a, string_b = string_a.lower(), string_b.lower()
        return (COMPARISONS[mode](string_a, string_b),)


NODES: tuple[type, ...] = (
    StringConcatenate,
    StringSubstring,
    StringLength,
    CaseConverter,
    StringTrim,
    StringReplace,
    StringContains,
    StringCompare,
)
