"""Node classes as definitions: what a client needs to draw a node and the queue to validate a prompt."""

from __future__ import annotations

import inspect
import json
import logging
import math
import sys
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from blake3 import blake3

from services.executor.own_types import own_types, type_names
from services.graph.definitions import read_inputs
from services.graph.input_lists import ANY, OF_UPLOADS, InputList

log = logging.getLogger(__name__)

#: Attributes that are part of a definition only when the class has them.
_OPTIONAL = {
    "OUTPUT_TOOLTIPS": "output_tooltips",
    "OUTPUT_MATCHTYPES": "output_matchtypes",
    "DEPRECATED": "deprecated",
    "EXPERIMENTAL": "experimental",
    "API_NODE": "api_node",
}


#: The order of the keys for a node that ComfyUI declares through its schema.
_SCHEMA_ORDER = (
    *("input", "input_order", "output", "output_is_list", "output_name", "output_tooltips", "output_matchtypes"),
    *("name", "display_name", "description", "python_module", "category", "output_node"),
    *("deprecated", "experimental", "api_node"),
)


def definitions_json(classes: Mapping[str, type], display_names: Mapping[str, str | None]) -> bytes:
    """The definitions of all classes as ComfyUI's `/object_info` has them, plus `validation`, `changes` and `lists`.

    A class whose definition cannot be made is left out and logged, as it could not be used either.
    """
    parts = []
    types = type_names(classes.values())
    for name, cls in classes.items():
        try:
            described = definition(name, cls, display_names.get(name, name), types)
            entry = json.dumps(_finite(described), allow_nan=False)
        except (Exception, SystemExit):
            log.exception("node %s has no usable definition and is left out", name)
            continue
        parts.append(f"{json.dumps(name)}:{entry}")
    return f"{{{','.join(parts)}}}".encode()


def digest_of(definitions: bytes) -> str:
    """What identifies a catalogue: the BLAKE3 of its JSON."""
    return blake3(definitions).hexdigest()


def definition(name: str, cls: type, display_name: str | None, types: Collection[str] = ()) -> dict[str, Any]:
    """One class's entry, `types` being the names of all there are; raises what the class raises."""
    node: Any = cls
    inputs = node.INPUT_TYPES()
    outputs = list(node.RETURN_TYPES)
    entry = {
        "input": inputs,
        "input_order": {kind: list(members) for kind, members in inputs.items()},
        "output": outputs,
        "output_is_list": list(getattr(node, "OUTPUT_IS_LIST", [False] * len(outputs))),
        "output_name": list(getattr(node, "RETURN_NAMES", outputs)),
        "name": name,
        "display_name": display_name,
        "description": getattr(node, "DESCRIPTION", ""),
        "python_module": getattr(node, "RELATIVE_PYTHON_MODULE", "nodes"),
        "category": getattr(node, "CATEGORY", "sd"),
        "output_node": getattr(node, "OUTPUT_NODE", False) is True,
    }
    entry |= {key: getattr(node, attribute) for attribute, key in _OPTIONAL.items() if hasattr(node, attribute)}
    if getattr(node, "FULL_DEFINITION", False):
        entry["input"] = _with_listed_hidden(inputs)
        entry = {key: entry[key] for key in _SCHEMA_ORDER if key in entry}
    more = {"validation": _validation(node, types), "changes": _changes(node), "lists": _lists(node, inputs)}
    return entry | {key: value for key, value in more.items() if value}


def _with_listed_hidden(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as the newer interface has them: what a hidden one wants is in a list."""
    hidden = {"hidden": {name: [kind] for name, kind in inputs["hidden"].items()}} if "hidden" in inputs else {}
    return {**inputs, **hidden}


def _validation(node: Any, types: Collection[str]) -> dict[str, Any] | None:
    """Which inputs the class checks itself: those its VALIDATE_INPUTS names, or any when it takes what it gets; what
    types of its own making fit; and which inputs workflows from before they existed (LATER_INPUTS) may lack."""
    rules = {"types": own_types(node, types), "absent": list(getattr(node, "LATER_INPUTS", ()))}
    found = {key: rule for key, rule in rules.items() if rule}
    if hasattr(node, "VALIDATE_INPUTS"):
        spec = inspect.getfullargspec(node.VALIDATE_INPUTS)
        return {"arguments": [*spec.args[1:], *spec.kwonlyargs], "any": spec.varkw is not None, **found}
    return {"arguments": [], "any": False, **found} if found else None


def _changes(node: Any) -> bool | list[str]:
    """Whether equal inputs may give different results: true, or with the files that these inputs name. A class of ours
    says it by CHANGES_WITH, True for anything; of others it is only known whether they look for changes."""
    if (declared := getattr(node, "CHANGES_WITH", None)) is not None:
        return list(declared) if isinstance(declared, tuple) else bool(declared)
    return hasattr(node, "IS_CHANGED") or getattr(node, "NOT_IDEMPOTENT", False) is True


def _lists(node: Any, inputs: Any) -> dict[str, Any]:
    """Which inputs offer input files for choice: a class of ours says it by LISTS, of others it is those that front
    ends upload files for."""
    declared: Mapping[str, InputList] = getattr(node, "LISTS", {})
    found = {
        name: declared.get(name) or OF_UPLOADS.get(listed.upload, ANY)
        for name, listed in read_inputs(inputs).items()
        if listed.choices is not None and (name in declared or listed.upload)
    }
    return {name: msgspec.to_builtins(listed) for name, listed in found.items()}


def _finite(value: Any) -> Any:
    """JSON has no infinity, which packs like for "no limit": the largest number stands for it, null for NaN."""
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return math.copysign(sys.float_info.max, value) if math.isinf(value) else value
    if isinstance(value, Mapping):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    return value
