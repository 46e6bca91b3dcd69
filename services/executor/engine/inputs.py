"""Gathers what a node is called with: constants, other nodes' outputs and hidden inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.executor.engine.dynamic_prompt import DynamicPrompt
from services.executor.engine.node_class import NodeClass
from services.executor.engine.results import NodeResult
from services.graph.coercion import coerce, unwrap
from services.graph.definitions import InputDefinition
from services.graph.model import Link, Node

#: Finds the result of a node, None when there is none (yet).
FindResult = Callable[[str], NodeResult | None]


class MissingInputError(Exception):
    """A node needs an output that another node did not give."""


def known_inputs(node: Node, node_class: NodeClass) -> dict[str, list[Any]]:
    """The inputs as far as they are known before anything runs; linked ones hold None."""
    return _gather(node, node_class, lambda name, link: [None])


def resolved_inputs(node: Node, node_class: NodeClass, find_result: FindResult) -> dict[str, list[Any]]:
    """The inputs with which a node is called, hidden ones excepted.

    Constants are passed when they are declared, links always; a lazy input that nobody has computed holds None.

    Raises:
        MissingInputError: names the input and the node that did not give what it wants.
    """

    def follow(name: str, link: Link) -> list[Any]:
        if node_class.is_lazy(name, node.inputs) and find_result(link.node_id) is None:
            return [None]
        return linked_values(link, f"input {name}", find_result)

    return _gather(node, node_class, follow)


def linked_values(link: Link, wanted_for: str, find_result: FindResult) -> list[Any]:
    """The values of the output that a link leads to.

    Raises:
        MissingInputError: the node gave no such output; says what it is wanted for.
    """
    result = find_result(link.node_id)
    try:
        if result is not None:
            return result.outputs[link.slot]
    except IndexError:
        pass
    raise MissingInputError(f"{wanted_for}: node {link.node_id} gave no output {link.slot}")


class HiddenInputs:
    """What a run has to give to inputs that nobody fills in."""

    def __init__(self, prompt: DynamicPrompt, extra_data: Mapping[str, Any]) -> None:
        self._values = {
            "PROMPT": prompt.get_original_prompt(),
            "DYNPROMPT": prompt,
            "EXTRA_PNGINFO": extra_data.get("extra_pnginfo"),
            "AUTH_TOKEN_COMFY_ORG": extra_data.get("auth_token_comfy_org"),
            "API_KEY_COMFY_ORG": extra_data.get("api_key_comfy_org"),
        }

    def of(self, node_id: str, node_class: NodeClass) -> dict[str, list[Any]]:
        """The hidden inputs that a class declares, with their values for one of its nodes."""
        values = self._values | {"UNIQUE_ID": node_id}
        return {name: [values[kind]] for name, kind in node_class.hidden.items() if kind in values}


def _gather(node: Node, node_class: NodeClass, follow: Callable[[str, Link], list[Any]]) -> dict[str, list[Any]]:
    values = {}
    for name, value in node.inputs.items():
        declared = node_class.input(name, node.inputs)
        if isinstance(value, Link) and not (declared and declared.options.get("rawLink")):
            values[name] = follow(name, value)
        elif declared:
            values[name] = [constant(declared, value)]
    return values


def constant(declared: InputDefinition | None, value: Any) -> Any:
    """The constant as the node gets it; one that cannot be converted stays as it was sent."""
    if isinstance(value, Link):
        return value.to_json()
    try:
        return coerce(declared.type, value) if declared else unwrap(value)
    except (ValueError, TypeError, OverflowError):
        return unwrap(value)
