"""Why a prompt is refused, in the words ComfyUI's clients know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.errors import InvalidArgument
from services.graph import plain_json


class NodeError(msgspec.Struct, frozen=True):
    """One thing wrong with one node; `type` is ComfyUI's, such as "value_not_in_list"."""

    type: str
    message: str
    details: str
    extra_info: dict[str, Any]


class NodeErrors(msgspec.Struct, frozen=True):
    """All that is wrong with one node, and the outputs that therefore cannot be produced."""

    errors: list[NodeError]
    dependent_outputs: list[str]
    class_type: str


class PromptError(msgspec.Struct, frozen=True):
    """Why the prompt as a whole is refused; `type` is ComfyUI's, such as "prompt_no_outputs"."""

    type: str
    message: str
    details: str
    extra_info: dict[str, Any]


class PromptRejected(InvalidArgument):
    """The prompt cannot be run; nothing was queued.

    `type` is ComfyUI's, such as "prompt_no_outputs"; `error_json` is a JSON object {"type", "message", "details",
    "extra_info"}, `node_errors_json` one of node id to {"errors", "dependent_outputs", "class_type"}.
    """

    def __init__(self, error_json: bytes, node_errors_json: bytes) -> None:
        error = msgspec.json.decode(error_json, type=PromptError)
        super().__init__(error.message)
        self.type = error.type
        self.error_json = error_json
        self.node_errors_json = node_errors_json

    @classmethod
    def because(
        cls, type: str, message: str, details: str = "", node_errors: Mapping[str, NodeErrors] | None = None
    ) -> PromptRejected:
        """The rejection for one reason, with the errors of nodes that led to it."""
        error = PromptError(type, message, details, {})
        return cls(plain_json.dump(msgspec.structs.asdict(error)), encode_node_errors(node_errors or {}))


def encode_node_errors(node_errors: Mapping[str, NodeErrors]) -> bytes:
    """JSON object of node id to what is wrong with the node."""
    return plain_json.dump({node_id: _to_json(errors) for node_id, errors in node_errors.items()})


def _to_json(errors: NodeErrors) -> dict[str, Any]:
    return {
        "errors": [msgspec.structs.asdict(error) for error in errors.errors],
        "dependent_outputs": errors.dependent_outputs,
        "class_type": errors.class_type,
    }
