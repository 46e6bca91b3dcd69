"""`/history`: what became of the prompts that have finished."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from services.errors import NotFound
from services.gateway.backends import Backends
from services.gateway.bodies import json_object
from services.gateway.errors import BadRequest
from services.gateway.history import STATES, History, Member, member
from services.gateway.operations import NOTHING, Parameter, json, json_body, operation
from services.gateway.paging import PAGE, last_prompts, prompts, whole
from services.gateway.responses import done, json_response, streamed_json
from services.gateway.routes.selection import MAX_BYTES, HistoryManageRequest, selection
from services.gateway.translate.entries import HistoryItem, history_entry
from services.queue.client import QueueClient


@operation(
    "getHistory",
    "workflow",
    parameters=[
        Parameter("max_items", "how many: of the last, unless there is an offset", int, example=64),
        Parameter("offset", "how many to leave out, from the oldest on", int),
        Parameter("prompt_id", "only this one"),
    ],
    answers={200: json(dict[str, HistoryItem], "entries by prompt id")},
    errors=[400],
)
async def show(backends: Backends, request: Request) -> Response:
    """Entries by the time they finished: all, the last `max_items`, or `max_items` from `offset` on; or just one."""
    if prompt_id := request.query_params.get("prompt_id"):
        return await _show(backends.queue_of(request), prompt_id)
    max_items, offset = _number(request, "max_items"), _number(request, "offset")
    return await streamed_json(_entries(_window(backends.history, backends.queue_of(request), max_items, offset)))


@operation(
    "getHistoryItem",
    "workflow",
    parameters=[Parameter("prompt_id", "", place="path", example="example")],
    answers={200: json(dict[str, HistoryItem])},
)
async def show_one(backends: Backends, request: Request) -> Response:
    """One prompt's entry; an empty object when it has not finished or does not exist."""
    return await _show(backends.queue_of(request), request.path_params["prompt_id"])


@operation("manageHistory", "workflow", body=json_body(HistoryManageRequest), answers={200: NOTHING})
async def change(backends: Backends, request: Request) -> Response:
    """Forget everything that has finished, or the prompts named."""
    chosen = selection(await json_object(request, MAX_BYTES))
    if chosen.everything:
        await backends.queue_of(request).forget(None)
    if chosen.prompt_ids:
        await backends.queue_of(request).forget(chosen.prompt_ids)
    return done()


async def _show(queue: QueueClient, prompt_id: str) -> Response:
    try:
        prompt = await queue.get(prompt_id)
    except NotFound:
        return json_response({})
    return json_response({prompt.prompt_id: history_entry(prompt)} if prompt.state in STATES else {})


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return whole(text)
    except ValueError as error:
        raise BadRequest(f"{name}: {text[:32]!r} is not a whole number", field=name) from error


async def _window(
    history: History, queue: QueueClient, max_items: int | None, offset: int | None
) -> AsyncIterator[Member]:
    if max_items is not None and max_items <= 0:
        return
    start = offset if offset is not None and offset >= 0 else None
    if max_items is not None and max_items <= PAGE:
        for entry in await history.page(queue, limit=max_items, offset=start or 0, from_end=start is None):
            yield entry
        return
    if start is not None:
        found = prompts(queue, STATES, start, max_items)
    elif max_items is not None:
        found = last_prompts(queue, STATES, max_items)
    else:
        found = prompts(queue, STATES)
    async for prompt in found:
        yield member(prompt)


async def _entries(found: AsyncIterator[Member]) -> AsyncIterator[bytes]:
    separator = b"{"
    async for entry in found:
        yield separator + entry
        separator = b", "
    yield b"{}" if separator == b"{" else b"}"
