"""`/queue`: what waits and runs, and taking back what waits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.bodies import json_object
from services.gateway.operations import NOTHING, json, json_body, operation
from services.gateway.paging import prompts
from services.gateway.responses import done, streamed_json
from services.gateway.routes.selection import MAX_BYTES, QueueManageRequest, selection
from services.gateway.translate.entries import QueueInfo, queue_item
from services.queue.client import QueueClient
from services.queue.records import PromptState

# What waits is read first: a prompt that begins meanwhile is then in both lists rather than in neither.
_KEYS = {PromptState.PENDING: b'"queue_pending": [', PromptState.RUNNING: b'"queue_running": ['}


@operation("getQueueInfo", "queue", answers={200: json(QueueInfo)})
async def show(backends: Backends, request: Request) -> Response:
    """Running prompts by when they began, waiting ones in the order in which they will run."""
    return await streamed_json(_lists(backends.queue_of(request)))


@operation("manageQueue", "queue", body=json_body(QueueManageRequest), answers={200: NOTHING})
async def change(backends: Backends, request: Request) -> Response:
    """Take back all that waits, or the prompts named; what runs is left alone."""
    chosen = selection(await json_object(request, MAX_BYTES))
    if chosen.everything:
        await backends.queue_of(request).cancel(None)
    if chosen.prompt_ids:
        await backends.queue_of(request).cancel(chosen.prompt_ids)
    return done()


async def _lists(queue: QueueClient) -> AsyncIterator[bytes]:
    separator = b"{"
    for state, key in _KEYS.items():
        yield separator + key
        comma = b""
        async for prompt in prompts(queue, (state,)):
            yield comma + msgspec.json.encode(queue_item(prompt))
            comma = b", "
        yield b"]"
        separator = b", "
    yield b"}"
