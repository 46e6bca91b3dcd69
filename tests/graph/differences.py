"""Where validation answers differently from ComfyUI on purpose, by the label of the recorded submission."""

from __future__ import annotations

from typing import Any

import msgspec

from services.graph.errors import NodeError


class Difference(msgspec.Struct, frozen=True):
    """Our answer, and why it is not ComfyUI's."""

    why: str
    #: type of the error of the whole prompt, None for a prompt that is accepted
    error: str | None
    #: types of the errors of each node
    node_errors: dict[str, list[str]] = {}


_NO_SERVER_ERROR = "ComfyUI answers 500"
_PLAIN_WORDS = "ComfyUI reports the KeyError of its own code"
_CHOICES_ARE_CHECKED = "later versions of ComfyUI check lists of choices written as COMBO"
_CYCLES_ARE_NAMED = "ComfyUI runs into its recursion limit and names nothing"

_FAILED = "prompt_outputs_failed_validation"

DIFFERENCES = {
    "prompt null": Difference(_NO_SERVER_ERROR, "no_prompt"),
    "prompt list of dicts": Difference(_NO_SERVER_ERROR, "invalid_prompt"),
    "prompt string": Difference(_NO_SERVER_ERROR, "invalid_prompt"),
    "node is null": Difference(_NO_SERVER_ERROR, "invalid_prompt"),
    "missing inputs key": Difference(_PLAIN_WORDS, _FAILED, {"1": ["required_input_missing"] * 4}),
    "missing inputs key on output": Difference(_PLAIN_WORDS, _FAILED, {"2": ["required_input_missing"]}),
    "COMBO V3 style not in options": Difference(_CHOICES_ARE_CHECKED, _FAILED, {"1": ["value_not_in_list"]}),
    "COMBO V3 style int": Difference(_CHOICES_ARE_CHECKED, _FAILED, {"1": ["value_not_in_list"]}),
    "link into '*' input": Difference("later versions of ComfyUI let * take anything", None),
    "self cycle": Difference(_CYCLES_ARE_NAMED, _FAILED, {"1": ["dependency_cycle"]}),
    "two-node cycle": Difference(_CYCLES_ARE_NAMED, _FAILED, {"1": ["dependency_cycle"], "3": ["dependency_cycle"]}),
}

#: ComfyUI counts an output among the dependents of every faulty node met before it, related or not.
DEPENDENTS = {"two separate bad outputs": {"1": ["2"], "5": ["4"]}}


def comparable(error: dict[str, Any] | NodeError) -> str:
    """An error without its traceback, which we never tell, in a form that can be sorted."""
    fields = msgspec.structs.asdict(error) if isinstance(error, NodeError) else error
    extra = {key: value for key, value in fields["extra_info"].items() if key != "traceback"}
    return msgspec.json.encode([fields["type"], fields["message"], fields["details"], repr(extra)]).decode()
