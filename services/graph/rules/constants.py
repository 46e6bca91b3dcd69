"""Constants can be converted, and lie within their limits and lists."""

from __future__ import annotations

from typing import Any

from services.graph.coercion import coerce, unwrap
from services.graph.definitions import InputDefinition, OwnChecks
from services.graph.errors import NodeError

INVALID_TYPE = "invalid_input_type"

#: A longer list of choices is counted, not quoted.
MAX_QUOTED_CHOICES = 20


def check_constant(declared: InputDefinition, sent: Any, own_checks: OwnChecks) -> NodeError | None:
    """What is wrong with a constant, if anything; what the class checks itself is held to no limit or list."""
    try:
        value = coerce(declared.type, sent)
    except (ValueError, TypeError, OverflowError) as error:
        return _invalid_type(declared, unwrap(sent), error)
    if own_checks.covers(declared.name):
        return None
    return _check_limits(declared, value) or _check_choice(declared, value)


def _invalid_type(declared: InputDefinition, value: Any, error: Exception) -> NodeError:
    extra = _extra(declared, value) | {"exception_message": str(error)}
    message = f"Failed to convert an input value to a {declared.type} value"
    return NodeError(INVALID_TYPE, message, f"{declared.name}, {value}, {error}", extra)


def _check_limits(declared: InputDefinition, value: Any) -> NodeError | None:
    if not isinstance(value, int | float):
        return None
    low, high = declared.options.get("min"), declared.options.get("max")
    if isinstance(low, int | float) and value < low:
        message = f"Value {value} smaller than min of {low}"
        return NodeError("value_smaller_than_min", message, declared.name, _extra(declared, value))
    if isinstance(high, int | float) and value > high:
        message = f"Value {value} bigger than max of {high}"
        return NodeError("value_bigger_than_max", message, declared.name, _extra(declared, value))
    return None


def _check_choice(declared: InputDefinition, value: Any) -> NodeError | None:
    choices = declared.choices
    if choices is None or declared.upload:  # the list may be older than the file, or that of another user
        return None
    several = declared.options.get("multiselect") and isinstance(value, list)
    if all(item in choices for item in (value if several else [value])):
        return None
    extra = _extra(declared, value)
    quoted = str(choices)
    if len(choices) > MAX_QUOTED_CHOICES:
        quoted = f"(list of length {len(choices)})"
        extra["input_config"] = None
    return NodeError("value_not_in_list", "Value not in list", f"{declared.name}: '{value}' not in {quoted}", extra)


def _extra(declared: InputDefinition, value: Any) -> dict[str, Any]:
    return {"input_name": declared.name, "input_config": declared.config, "received_value": value}
