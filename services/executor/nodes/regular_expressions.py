"""Nodes that search texts by regular expressions.

The expressions come from clients and run in Python's own engine, which can take practically for ever on some of them
and holds the interpreter while it does. Nothing here guards against that: an interrupt kills the worker process after
its grace, and the run ends as interrupted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from services.executor.nodes.schema_node import combo
from services.executor.nodes.strings import MULTILINE, StringNode, require_length

REFERENCE = re.compile(r"\\(?:\d|g<)")

FLAGS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "case_insensitive": ("BOOLEAN", {"default": True}),
    "multiline": ("BOOLEAN", {"default": False}),
    "dotall": ("BOOLEAN", {"default": False}),
}


class RegexMatch(StringNode):
    """Whether a pattern occurs in a text."""

    DISPLAY_NAME = "Regex Match"
    RETURN_TYPES = ("BOOLEAN",)
    RETURN_NAMES = ("matches",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text, the pattern and how to read it."""
        return {"required": {"string": MULTILINE, "regex_pattern": MULTILINE, **FLAGS}}

    def execute(
        self, string: str, regex_pattern: str, case_insensitive: bool, multiline: bool, dotall: bool
    ) -> tuple[bool]:
        """Return whether it occurs; something that is not a pattern does not."""
        try:
            pattern = _compiled(regex_pattern, case_insensitive, multiline, dotall)
        except ValueError:
            return (False,)
        return (pattern.search(string) is not None,)


class RegexExtract(StringNode):
    """What a pattern matches in a text."""

    DISPLAY_NAME = "Regex Extract"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text, the pattern, how to read it, and what to take of what it matches."""
        return {
            "required": {
                "string": MULTILINE,
                "regex_pattern": MULTILINE,
                "mode": combo(*EXTRACTIONS),
                **FLAGS,
                "group_index": ("INT", {"default": 1, "min": 0, "max": 100}),
            }
        }

    def execute(
        self,
        string: str,
        regex_pattern: str,
        mode: str,
        case_insensitive: bool,
        multiline: bool,
        dotall: bool,
        group_index: int,
    ) -> tuple[str]:
        """Return what was found, one a line; nothing when there is no match, group, such mode or pattern.

        Raises:
            ValueError: the result would be too long, as groups that look ahead can make it.
        """
        try:
            pattern = _compiled(regex_pattern, case_insensitive, multiline, dotall)
        except ValueError:
            return ("",)
        extract = EXTRACTIONS.get(mode, _nothing)
        return (_joined(extract(pattern, string, group_index)),)


class RegexReplace(StringNode):
    """A text with another in place of what a pattern matches."""

    DISPLAY_NAME = "Regex Replace"
    DESCRIPTION = "Replaces what a regular expression matches; the replacement may refer to groups, as in \\1."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The text, the pattern, the replacement, how to read the pattern, and how often to replace."""
        count = {"default": 0, "min": 0, "max": 100, "tooltip": "How many matches to replace at most; 0 is all."}
        dotall = "Whether a dot also matches the end of a line."
        return {
            "required": {"string": MULTILINE, "regex_pattern": MULTILINE, "replace": MULTILINE},
            "optional": {
                "case_insensitive": FLAGS["case_insensitive"],
                "multiline": FLAGS["multiline"],
                "dotall": ("BOOLEAN", {"default": False, "tooltip": dotall}),
                "count": ("INT", count),
            },
        }

    def execute(
        self,
        string: str,
        regex_pattern: str,
        replace: str,
        case_insensitive: bool = True,
        multiline: bool = False,
        dotall: bool = False,
        count: int = 0,
    ) -> tuple[str]:
        """Return the text with the first `count` matches replaced, all of them with 0.

        Raises:
            ValueError: the pattern or the replacement is not valid, or the result would be too long.
        """
        pattern = _compiled(regex_pattern, case_insensitive, multiline, dotall)
        _check_replacements(islice(pattern.finditer(string), count or None), len(string), replace)
        try:
            return (pattern.sub(replace, string, count=count),)
        except (re.error, IndexError) as error:
            raise ValueError(f"replace: {replace!r} does not fit the pattern: {error}") from error


def _compiled(pattern: str, case_insensitive: bool, multiline: bool, dotall: bool) -> re.Pattern[str]:
    flags = re.IGNORECASE * case_insensitive | re.MULTILINE * multiline | re.DOTALL * dotall
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"regex_pattern: {pattern!r} is not a regular expression: {error}") from error


def _check_replacements(matches: Iterable[re.Match[str]], length: int, replace: str) -> None:
    """Refuse what could become too long; a reference counts as the longest group, since only Python expands them."""
    references = len(REFERENCE.findall(replace))
    for match in matches:
        groups = range(match.re.groups + 1) if references else ()
        longest = max((match.end(group) - match.start(group) for group in groups), default=0)
        length += len(replace) + references * longest - len(match[0])
        require_length(length, "replace")


def _joined(parts: Iterable[str]) -> str:
    kept: list[str] = []
    length = -1
    for part in parts:
        length += len(part) + 1
        require_length(length, "string")
        kept.append(part)
    return "\n".join(kept)


def _first_match(pattern: re.Pattern[str], string: str, group: int) -> Iterable[str]:
    match = pattern.search(string)
    return [match[0]] if match else []


def _all_matches(pattern: re.Pattern[str], string: str, group: int) -> Iterable[str]:
    """Of a pattern with groups only the first group, as `re.findall` has it."""
    wanted = 1 if pattern.groups else 0
    return (match[wanted] or "" for match in pattern.finditer(string))


def _first_group(pattern: re.Pattern[str], string: str, group: int) -> Iterable[str]:
    match = pattern.search(string)
    return [match[group] or ""] if match and group <= pattern.groups else []


def _all_groups(pattern: re.Pattern[str], string: str, group: int) -> Iterable[str]:
    if not 0 < pattern.groups >= group:
        return []
    return (match[group] or "" for match in pattern.finditer(string))


def _nothing(pattern: re.Pattern[str], string: str, group: int) -> Iterable[str]:
    return []


EXTRACTIONS: Mapping[str, Callable[[re.Pattern[str], str, int], Iterable[str]]] = {
    "First Match": _first_match,
    "All Matches": _all_matches,
    "First Group": _first_group,
    "All Groups": _all_groups,
}

NODES: tuple[type, ...] = (RegexMatch, RegexExtract, RegexReplace)
