"""Why a prompt is refused, in the words ComfyUI's clients know."""

from __future__ import annotations

from typing import Any

import msgspec

from services.errors import InvalidArgument


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

    `error_json` is a JSON object {"type", "message", "details", "extra_info"}, `node_errors_json` one of node id to
    {"errors", "dependent_outputs", "class_type"}.
    """

    def __init__(self, error_json: bytes, node_errors_json: bytes) -> None:
        super().__init__(msgspec.json.decode(error_json, type=PromptError).message)
        self.error_json = error_json
        self.node_errors_json = node_errors_json
