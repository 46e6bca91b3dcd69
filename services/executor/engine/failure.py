"""Describes what went wrong in a node, without telling clients about the host."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from services.graph import plain_json
from services.graph.events import ExecutionFailed
from services.graph.model import Node

#: Longer values and messages are cut, in characters.
_MAX_VALUE_LENGTH = 1000
_MAX_MESSAGE_LENGTH = 10_000
_MAX_VALUES_PER_INPUT = 20

#: A quoted path may have spaces in it.
_ABSOLUTE_PATH = re.compile(
    r"""(?<=')/[^'\n]*/[^'\n]*(?=')|(?<=")/[^"\n]*/[^"\n]*(?=")|(?<![\w:/.'"])/(?:[^\s/'"<>|:]+/)+[^\s/'"<>|:]*"""
)
_ENGINE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def failure_of(
    node: Node, error: BaseException, inputs: Mapping[str, list[Any]], executed: tuple[str, ...]
) -> ExecutionFailed:
    """The event for a node that raised; `inputs` are those it was called with, as far as they were known."""
    return ExecutionFailed(
        node_id=node.id,
        node_type=node.class_type,
        exception_type=type_name(type(error)),
        exception_message=message_of(error),
        traceback=tuple(_traceback(error.__traceback__)),
        executed_node_ids=executed,
        current_inputs_json=plain_json.dump(_abbreviated_inputs(inputs)),
    )


def type_name(cls: type) -> str:
    """The class as ComfyUI names it: with its module, unless built in."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def message_of(error: BaseException) -> str:
    """What the error says, with paths cut down to their last part."""
    if isinstance(error, SystemExit):
        return f"the node called sys.exit({error.code!r})"
    return without_paths(_cut(_text(error), _MAX_MESSAGE_LENGTH))


def without_paths(text: str) -> str:
    """The text with absolute paths cut down to their last part."""
    return _ABSOLUTE_PATH.sub(_last_part, text)


def _last_part(path: re.Match[str]) -> str:
    return os.path.basename(path[0].rstrip("/"))


def _traceback(trace: TracebackType | None) -> list[str]:
    """The frames outside the engine, as `traceback.format_tb` writes them."""
    frames = [frame for frame in traceback.extract_tb(trace) if not frame.filename.startswith(_ENGINE)]
    for frame in frames:
        frame.filename = _relative(frame.filename)
    return traceback.format_list(frames)


def _relative(filename: str) -> str:
    roots = [root for root in sys.path if root and filename.startswith(os.path.join(root, ""))]
    if roots:
        return os.path.relpath(filename, max(roots, key=len))
    return os.path.join(*filename.split(os.sep)[-2:])


def _abbreviated_inputs(inputs: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: [_abbreviated(value) for value in values[:_MAX_VALUES_PER_INPUT]] for name, values in inputs.items()}


def _abbreviated(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _cut(_text(value), _MAX_VALUE_LENGTH)


def _text(value: Any) -> str:
    try:
        return str(value).encode("utf-8", "replace").decode("utf-8")
    except Exception as error:  # a class of somebody else's, which may do anything
        return f"<{type_name(type(value))} whose str() raises {type_name(type(error))}>"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"
