"""`/jobs`: prompts in all states in one list, and cancelling them wherever they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal, TypedDict

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.errors import NotFound
from services.gateway.backends import Backends
from services.gateway.bodies import json_object
from services.gateway.errors import BadRequest
from services.gateway.operations import Parameter, json, json_body, operation
from services.gateway.paging import found, whole
from services.gateway.raw_json import RawObject, field
from services.gateway.responses import JSON, json_response, streamed_json
from services.gateway.routes.selection import MAX_BYTES
from services.gateway.translate.jobs import STATUS, JobInFull, Jobs, Pagination, job, job_in_full
from services.queue.client import QueueClient
from services.queue.records import PromptOrder, PromptState, Search

#: By what ComfyUI and what Comfy Cloud call them.
ORDERS = {
    "created_at": PromptOrder.SUBMITTED,
    "create_time": PromptOrder.SUBMITTED,
    "execution_duration": PromptOrder.DURATION,
    "execution_time": PromptOrder.DURATION,
}


class _Refused(Exception):
    """A question that makes no sense; the answer of this resource has a shape of its own."""


class JobError(TypedDict):
    """Why there is no answer."""

    error: str


class ExportedJob(TypedDict):
    """A job with its workflow, what it ran on and used, and what it made; the queue makes it."""

    schema: Literal["silverprint.export/1"]
    prompt_id: str
    state: str
    number: float
    priority: int
    user_id: str
    client_id: str
    workflow_id: str
    submitted_at: str
    started_at: str | None
    finished_at: str | None
    graph_blake3: str
    graph: RawObject
    extra_data: RawObject
    output_node_ids: list[str]
    seeds: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    error: dict[str, Any] | None


class JobCancelled(TypedDict):
    """Whether the job was stopped."""

    cancelled: bool


class JobsToCancel(TypedDict):
    """The jobs to stop."""

    job_ids: list[str]


class JobsCancelled(TypedDict):
    """The jobs that were stopped."""

    cancelled: list[str]


@operation(
    "getJobs",
    "queue",
    parameters=[
        Parameter("status", "states to list, with commas between: pending, in_progress, completed, failed, cancelled"),
        Parameter("workflow_id", "only jobs of this workflow"),
        Parameter("sort_by", "created_at or execution_duration"),
        Parameter("sort_order", "desc or asc"),
        Parameter("limit", "how many at most", int),
        Parameter("offset", "how many to leave out first", int),
    ],
    answers={200: json(Jobs), 400: json(JobError)},
)
async def show(backends: Backends, request: Request) -> Response:
    """Jobs by `status`, `workflow_id`, `sort_by` and `sort_order`; `limit` of them from `offset` on."""
    try:
        search = _search(request)
    except _Refused as refusal:
        return json_response(JobError(error=str(refusal)), status=400)
    return await streamed_json(_listed(backends.queue_of(request), search))


@operation(
    "getJob",
    "queue",
    parameters=[Parameter("job_id", "", place="path", example="example")],
    answers={200: json(JobInFull), 404: json(JobError)},
)
async def show_one(backends: Backends, request: Request) -> Response:
    """A job with its workflow and its outputs."""
    try:
        prompt = await backends.queue_of(request).get(request.path_params["job_id"])
    except NotFound:
        return _unknown()
    return json_response(job_in_full(prompt))


@operation(
    "exportJob",
    "queue",
    parameters=[Parameter("job_id", "", place="path", example="example")],
    answers={200: json(ExportedJob), 404: json(JobError)},
)
async def export(backends: Backends, request: Request) -> Response:
    """Everything that is known about a job in one document, to reproduce it or to account for it.

    `docs/history.md` describes it; members may be added as long as `schema` stays the same. Credentials are left out.
    """
    try:
        return Response(await backends.queue_of(request).export(request.path_params["job_id"]), media_type=JSON)
    except NotFound:
        return _unknown()


@operation("cancelJob", "queue", answers={200: json(JobCancelled)})
async def cancel_one(backends: Backends, request: Request) -> Response:
    """Take a job back or interrupt it; `cancelled` is false for one that has ended or does not exist."""
    try:
        stopped = await backends.queue_of(request).stop([request.path_params["job_id"]])
    except NotFound:
        stopped = []
    return json_response(JobCancelled(cancelled=bool(stopped)))


@operation(
    "cancelJobs",
    "queue",
    body=json_body(JobsToCancel, {"job_ids": ["example"]}),
    answers={200: json(JobsCancelled), 404: json(JobError)},
)
async def cancel(backends: Backends, request: Request) -> Response:
    """Take back or interrupt the jobs in `job_ids`; when one does not exist, all are left alone."""
    body = await json_object(request, MAX_BYTES)
    if "job_ids" not in body:
        raise BadRequest("job_ids is missing", field="job_ids")
    try:
        stopped = await backends.queue_of(request).stop(field(body, "job_ids", list[str], []))
    except NotFound:
        return _unknown()
    return json_response(JobsCancelled(cancelled=stopped))


def _unknown() -> Response:
    return json_response(JobError(error="Job not found"), status=404)


def _search(request: Request) -> Search:
    query = request.query_params
    limit = _number(query.get("limit"), "limit")
    if limit is not None and limit < 1:
        raise _Refused("limit must be a positive integer")
    order = query.get("sort_by", "created_at").lower()
    if order not in ORDERS:
        raise _Refused("sort_by must be 'created_at' or 'execution_duration'")
    direction = query.get("sort_order", "desc").lower()
    if direction not in ("asc", "desc"):
        raise _Refused("sort_order must be 'asc' or 'desc'")
    return Search(
        states=_states(query.get("status", "")),
        workflow_id=query.get("workflow_id", ""),
        order=ORDERS[order],
        reversed=direction == "asc",
        limit=limit or 0,
        offset=max(0, _number(query.get("offset"), "offset") or 0),
    )


def _states(text: str) -> frozenset[PromptState]:
    """The states of a comma-separated list; all of them when it is empty."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in STATUS.values()]
    if unknown:
        valid = ", ".join(dict.fromkeys(STATUS.values()))
        raise _Refused(f"Invalid status value(s): {', '.join(unknown)}. Valid values: {valid}")
    return frozenset(state for state, name in STATUS.items() if name in names or not names)


def _number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        return whole(text)
    except ValueError as error:
        raise _Refused(f"{name} must be an integer") from error


async def _listed(queue: QueueClient, search: Search) -> AsyncIterator[bytes]:
    count = total = 0
    yield b'{"jobs": ['
    async for page, known in found(queue, search):
        total = known
        for prompt in page:
            yield (b", " if count else b"") + msgspec.json.encode(job(prompt))
            count += 1
    pagination: Pagination = {
        "offset": search.offset,
        "limit": search.limit or None,
        "total": total,
        "has_more": search.offset + count < total,
    }
    yield b'], "pagination": %s}' % msgspec.json.encode(pagination)
