"""`POST /prompt`: what a client sends, and what it is told."""

from __future__ import annotations

import math
from typing import Any, NotRequired, TypedDict

import msgspec

from services.gateway.errors import BadRequest
from services.gateway.raw_json import RawObject, field, members
from services.gateway.translate.numbers import plain
from services.queue.records import Accepted, Submission

#: Characters that an id chosen by a client may have.
MAX_ID_LENGTH = 256

_NO_PROMPT = "No prompt provided"


class _Workflow(msgspec.Struct):
    id: str = ""


class _PngInfo(msgspec.Struct):
    workflow: _Workflow | None = None


class ExtraData(TypedDict, total=False):
    """What comes with a workflow; whatever else is in it is kept as well."""

    #: what to write into pictures; the web UI sends its `workflow`
    extra_pnginfo: dict[str, Any] | None
    #: seconds that one attempt may take, and that may pass from the submission to the end; 0 for as many as are allowed
    run_timeout: float | None
    total_timeout: float | None
    #: answer it from an equal prompt that was submitted so and succeeded; a text has to be the same then, too
    reuse: bool | str | None


class PromptRequest(TypedDict):
    """A workflow to run: nodes by id, in ComfyUI's API format."""

    prompt: dict[str, Any]
    prompt_id: NotRequired[str | float | None]
    client_id: NotRequired[str | int | None]
    extra_data: NotRequired[ExtraData]
    #: its place in the queue, the lowest first
    number: NotRequired[float | str | bool]
    #: before all that wait
    front: NotRequired[bool | int | None]
    #: from -100 to 100: before or behind all prompts of lower or higher priority
    priority: NotRequired[int]
    #: ids of the output nodes to run, all when there are none
    partial_execution_targets: NotRequired[list[str] | str | None]


class PromptResponse(TypedDict):
    """A prompt that was queued; errors are of outputs that will not be made."""

    prompt_id: str
    number: float
    node_errors: RawObject


def submission(body: dict[str, msgspec.Raw]) -> Submission:
    """The prompt in a request body; the graph stays as it was sent.

    Raises:
        BadRequest: a member is missing or of the wrong kind; the message names it.
    """
    if "prompt" not in body:
        raise BadRequest(_NO_PROMPT, type="no_prompt")
    extra_data = _extra_data(body)
    reuse = field(extra_data, "reuse", bool | str | None, None)
    return Submission(
        graph_json=_graph(bytes(body["prompt"])),
        extra_data_json=msgspec.json.encode(extra_data),
        prompt_id=_id(field(body, "prompt_id", str | int | float | None, None), "prompt_id"),
        client_id=_id(field(extra_data, "client_id", str | int | None, None), "client_id"),
        number=_number(field(body, "number", str | float | bool, 0.0)) if "number" in body else None,
        front=bool(field(body, "front", bool | int | None, None)),
        priority=field(body, "priority", int, 0),
        workflow_id=_workflow_id(extra_data),
        run_timeout=field(extra_data, "run_timeout", float | None, None),
        reuse=bool(reuse),
        reuse_salt=reuse.encode() if isinstance(reuse, str) else b"",
        total_timeout=field(extra_data, "total_timeout", float | None, None),
        only_outputs=_targets(field(body, "partial_execution_targets", str | list[str] | None, None)),
    )


def accepted(answer: Accepted, asked: Submission) -> PromptResponse:
    """The answer to a prompt that was queued; a number that the client chose stays a float."""
    number = answer.number if asked.number is not None else plain(answer.number)
    errors = msgspec.Raw(answer.node_errors_json)
    return PromptResponse(prompt_id=answer.prompt_id, number=number, node_errors=errors)


def _graph(graph_json: bytes) -> bytes:
    if graph_json.lstrip().startswith(b"{"):
        return graph_json
    if graph_json.strip(b"[] \t\r\n") == b"":
        return b"{}"
    raise BadRequest("prompt must be a JSON object of node id to node", field="prompt", type="invalid_prompt")


def _extra_data(body: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    found = members(bytes(body["extra_data"]), "extra_data") if "extra_data" in body else {}
    if "client_id" in body:
        found["client_id"] = body["client_id"]
    return found


def _workflow_id(extra_data: dict[str, msgspec.Raw]) -> str:
    """The id of the workflow that the web UI sends along; empty where there is none."""
    try:
        workflow = msgspec.json.decode(extra_data.get("extra_pnginfo", b"{}"), type=_PngInfo).workflow
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    return workflow.id[:MAX_ID_LENGTH] if workflow else ""


def _id(value: str | float | None, name: str) -> str:
    if value is None:
        return ""
    if len(text := str(value)) > MAX_ID_LENGTH:
        raise BadRequest(f"{name} is longer than {MAX_ID_LENGTH} characters", field=name)
    return text


def _number(value: str | float | bool) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadRequest(f"number: {value!r} is not a number", field="number")
    return number


def _targets(value: str | list[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)
