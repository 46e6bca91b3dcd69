"""`/prompt`: hand in a workflow, ask how many wait."""

from __future__ import annotations

from typing import TypedDict

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.bodies import whole
from services.gateway.errors import BadRequest
from services.gateway.operations import USER, Parameter, json, json_body, operation
from services.gateway.raw_json import members
from services.gateway.responses import json_response
from services.gateway.reuse import prepared
from services.gateway.routes.packs import changed_prompt
from services.gateway.traced import traced
from services.gateway.translate.prompt import PromptRequest, PromptResponse, accepted, submission

#: The header with a key that makes it safe to send a prompt again.
KEY_HEADER = "Idempotency-Key"

#: Below what a gRPC message may hold.
MAX_PROMPT_BYTES = 30 << 20


EXAMPLE = {
    "prompt": {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "example"}},
    },
    "prompt_id": "example",
    "client_id": "me",
}


class ExecInfo(TypedDict):
    """How busy the queue is."""

    queue_remaining: int


class PromptInfo(TypedDict):
    """How many prompts wait or run."""

    exec_info: ExecInfo


@operation(
    "executePrompt",
    "workflow",
    parameters=[USER, Parameter(KEY_HEADER, "a submission with the same key is taken once a day", place="header")],
    body=json_body(PromptRequest, EXAMPLE),
    answers={200: json(PromptResponse)},
    errors=[401, 409, 422, 429],
)
async def submit(backends: Backends, request: Request) -> Response:
    """Queue a prompt; the same one again, by its id or its `Idempotency-Key`, gets the answer that it got then."""
    with traced(backends.traces, request, "submit") as traceparent:
        return await _submit(backends, request, traceparent)


async def _submit(backends: Backends, request: Request, traceparent: str) -> Response:
    body = await whole(request, MAX_PROMPT_BYTES)
    if (await backends.packs.get()).change_prompts:
        body = await changed_prompt(backends, body)
    asked = submission(members(body))
    user = await backends.users.named_by(request)
    address = backends.users.address_of_prompt(user, asked.client_id)
    asked = msgspec.structs.replace(
        asked,
        client_id=address,
        user_id=user,
        file_space=backends.users.space(request),
        idempotency_key=_key(request),
        traceparent=traceparent,
    )
    if asked.reuse:
        asked = await prepared(backends, backends.files_of(request), asked)
    return json_response(accepted(await backends.queue.submit(asked), asked))


def _key(request: Request) -> str:
    key = request.headers.get(KEY_HEADER)
    if key == "":
        raise BadRequest(f"{KEY_HEADER} is empty", field=KEY_HEADER)
    return key or ""


@operation("getPromptInfo", "workflow", answers={200: json(PromptInfo)})
async def remaining(backends: Backends, request: Request) -> Response:
    """How many prompts wait or run."""
    stats = await backends.queue_of(request).stats()
    return json_response(PromptInfo(exec_info=ExecInfo(queue_remaining=stats.pending + stats.running)))
