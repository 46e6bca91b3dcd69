"""How submissions are answered."""

from __future__ import annotations

from typing import Any

from tests.differences.difference import Change, Difference, refused
from tests.recordings import Outcome

_FAILED = "prompt_outputs_failed_validation"
_FAILED_MESSAGE = "Prompt outputs failed validation"
_NO_SERVER_ERROR = "ComfyUI answers 500"
_BAD_INPUT = "bad input is refused with a reason"


def _malformed(*labels: str, change: Change, why: str = _NO_SERVER_ERROR) -> Difference:
    return Difference(_BAD_INPUT, why, change, labels)


def _not_an_object(what: str, found: str) -> Change:
    return refused("invalid_request", f"{what} must be a JSON object: Expected `object`, got `{found}`")


MALFORMED = (
    _malformed(
        "number not numeric", change=refused("invalid_request", "number: 'abc' is not a number", field="number")
    ),
    _malformed("extra_data null", change=_not_an_object("extra_data", "null")),
    _malformed(
        "extra_data list",
        change=_not_an_object("extra_data", "array"),
        why="ComfyUI answers 500 as soon as there is a client_id",
    ),
    _malformed(
        "prompt null",
        "prompt list of dicts",
        "prompt string",
        change=refused("invalid_prompt", "prompt must be a JSON object of node id to node", field="prompt"),
    ),
    _malformed(
        "node is null",
        change=refused(
            "invalid_prompt", "Cannot execute because a node is missing the class_type property.", "Node ID '#1'"
        ),
    ),
    _malformed(
        "body JSON list", change=_not_an_object("the body", "array"), why="ComfyUI says that there is no prompt in it"
    ),
    _malformed("body JSON string", change=_not_an_object("the body", "str")),
    _malformed("body JSON null", change=_not_an_object("the body", "null")),
    _malformed("non-JSON body", change=refused("invalid_json", "the body is not JSON: '{' expected at character 0")),
    _malformed("empty body", change=refused("invalid_json", "the body is not JSON: string index out of range")),
    _malformed("invalid utf-8", change=refused("invalid_json", "the body is not UTF-8: invalid start byte at byte 0")),
)


def _an_id_of_its_own(outcome: Outcome) -> None:
    outcome["answer"]["prompt_id"] = outcome["entry"]["prompt"][1] = "prompt 0"
    for _, data in outcome["entry"]["status"]["messages"]:
        data["prompt_id"] = "prompt 0"


IDS = (
    Difference(
        "an id that is in use is refused",
        "the entry of the earlier prompt would be overwritten",
        refused("already_exists", "prompt 42 exists already, and it is a different one", status=409),
        ("prompt_id duplicate of an earlier prompt",),
    ),
    Difference(
        "a null or empty id is none, so the prompt gets one",
        "all who send it would share one entry, under the id None or none",
        _an_id_of_its_own,
        ("prompt_id null", "prompt_id empty"),
    ),
)


def _invalid(details: str, **nodes: dict[str, Any]) -> Change:
    errors = {node_id.removeprefix("node"): found for node_id, found in nodes.items()}
    return refused(_FAILED, _FAILED_MESSAGE, details, node_errors=errors)


def _faulty(class_type: str, output: str, *errors: dict[str, Any]) -> dict[str, Any]:
    return {"errors": sorted(errors, key=repr), "dependent_outputs": [output], "class_type": class_type}


def _missing(name: str) -> dict[str, Any]:
    message = "Required input is missing"
    return {"type": "required_input_missing", "message": message, "details": name, "extra_info": {"input_name": name}}


def _in_a_cycle(nodes: str) -> dict[str, Any]:
    error = {"type": "dependency_cycle", "message": "Dependency cycle detected", "details": nodes, "extra_info": {}}
    return _faulty("ImageInvert", "2", error)


def _no_choice(value: object) -> Change:
    details = f"combo2: '{value}' not in ['p', 'q']"
    config = ["COMBO", {"options": ["p", "q"]}]
    extra = {"input_name": "combo2", "input_config": config, "received_value": value}
    error = {"type": "value_not_in_list", "message": "Value not in list", "details": details, "extra_info": extra}
    return _invalid(f"Value not in list: {details}", node1=_faulty("ProbeTypes", "1", error))


def _accepted(outcome: Outcome) -> None:
    outcome |= {"status": 200, "answer": {"prompt_id": "prompt 0", "number": "0 after the first", "node_errors": {}}}


def _related_outputs(outcome: Outcome) -> None:
    outcome["answer"]["node_errors"]["1"]["dependent_outputs"] = ["2"]


def _no_pictures(outcome: Outcome) -> None:
    *_, (_, data) = outcome["entry"]["status"]["messages"]
    (value,) = data["current_inputs"]["images"]
    message = f"images: expected pictures, got {type(value).__name__}\n"
    data |= {"exception_type": "ValueError", "exception_message": message}


_SIZES = [_missing(name) for name in ("width", "height", "batch_size", "color")]

VALIDATION = (
    Difference(
        "a node without inputs lacks its required ones",
        "ComfyUI reports the KeyError of its own code",
        _invalid("", node1=_faulty("EmptyImage", "2", *_SIZES)),
        ("missing inputs key",),
    ),
    Difference(
        "an output without inputs lacks its required ones",
        "ComfyUI reports the KeyError of its own code",
        _invalid("Required input is missing: images", node2=_faulty("PreviewImage", "2", _missing("images"))),
        ("missing inputs key on output",),
    ),
    Difference(
        "a text that is none of the choices of a COMBO is refused",
        "later versions of ComfyUI do the same",
        _no_choice("zzz"),
        ("COMBO V3 style not in options",),
    ),
    Difference(
        "a number that is none of the choices of a COMBO is refused",
        "later versions of ComfyUI do the same",
        _no_choice(7),
        ("COMBO V3 style int",),
    ),
    Difference(
        "an input of type * takes any link",
        "later versions of ComfyUI do the same",
        _accepted,
        ("link into '*' input",),
    ),
    Difference(
        "a node that needs itself is named",
        "ComfyUI runs into its recursion limit and names nothing",
        _invalid("Dependency cycle detected: 1 -> 1", node1=_in_a_cycle("1 -> 1")),
        ("self cycle",),
    ),
    Difference(
        "nodes that need each other are named",
        "ComfyUI runs into its recursion limit and names nothing",
        _invalid(
            "Dependency cycle detected: 3 -> 1 -> 3",
            node1=_in_a_cycle("3 -> 1 -> 3"),
            node3=_in_a_cycle("3 -> 1 -> 3"),
        ),
        ("two-node cycle",),
    ),
    Difference(
        "only outputs that need a faulty node are its dependents",
        "ComfyUI counts those of all faulty nodes that it met before",
        _related_outputs,
        ("two separate bad outputs",),
    ),
    Difference(
        "what is given to PreviewImage instead of pictures is named",
        "ComfyUI reports the AttributeError or TypeError of its own code",
        _no_pictures,
        ("link: constant where IMAGE expected", "link: int where IMAGE expected"),
    ),
)

IN_ANSWERS = (*MALFORMED, *IDS, *VALIDATION)

#: What is refused before it gets to the queue uses up no number of its counter.
UNCOUNTED = (
    "prompt_id duplicate of an earlier prompt",
    "extra_data null",
    "extra_data list",
    "missing prompt",
    "empty object",
    "prompt null",
    "prompt list of dicts",
    "prompt string",
    "body JSON list",
    "body JSON string",
)
