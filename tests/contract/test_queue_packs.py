"""How every queue passes requests to node packs, and what those say to browsers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from services.errors import InvalidArgument, NotFound, Unavailable
from services.queue.packs import (
    MAX_REQUEST_BYTES,
    HttpData,
    HttpHead,
    HttpRequest,
    HttpResponsePart,
    NodePack,
    PackCancellation,
    PackFlow,
    PackMessage,
    PackReport,
    PackRequest,
    PackResponse,
    PackRoute,
    TextMessage,
)
from services.queue.prompts import Queue
from tests.queue.executor import FakeExecutor

ROUTE = PackRoute("GET", "/mine/{name}")
REPORT = PackReport((NodePack("mine", 3), NodePack("broken", 0, "ImportError: no")), (ROUTE,))
MESSAGE = PackMessage("client", TextMessage("mine.hello", b'{"a": 1}'))
REQUEST = HttpRequest("GET", "/mine/a", "b=c", (("X-A", "1"),), b"body")
HEAD = HttpHead(200, (("Content-Type", "text/plain"),))


async def reported(queue: Queue, executor: FakeExecutor) -> None:
    """Return once the queue has heard what the executor found."""
    executor.say(REPORT)
    async with aclosing(queue.watch()) as batches, asyncio.timeout(10):
        assert await anext(batches) == []
        executor.say(MESSAGE)
        while not [event for event in await anext(batches) if event.body == MESSAGE]:
            pass


async def whole(queue: Queue) -> list[HttpResponsePart]:
    return [part async for part in queue.call_pack(REQUEST)]


async def test_an_executor_tells_what_packs_it_found(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await reported(queue, executor)
        (known,) = await queue.executors()
        assert known.packs == REPORT


async def test_a_request_reaches_the_handler_and_its_answer_the_caller(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await reported(queue, executor)
        calling = asyncio.create_task(whole(queue))
        asked = await executor.next(PackRequest)
        assert asked.request == REQUEST
        for part in (HEAD, HttpData(b"one"), HttpData(b"two"), None):
            executor.say(PackResponse(asked.call_id, part))
        assert await calling == [HEAD, HttpData(b"one"), HttpData(b"two")]
        assert await executor.next(PackFlow) == PackFlow(asked.call_id, 3)


async def test_a_caller_that_leaves_cancels_the_call(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await reported(queue, executor)
        async with aclosing(queue.call_pack(REQUEST)) as parts:
            beginning = asyncio.ensure_future(anext(parts))
            asked = await executor.next(PackRequest)
            executor.say(PackResponse(asked.call_id, HEAD))
            assert await beginning == HEAD
        assert await executor.next(PackCancellation) == PackCancellation(asked.call_id)


async def test_a_call_ends_with_its_executor(queue: Queue) -> None:
    async with FakeExecutor(queue, "first") as executor:
        await reported(queue, executor)
        calling = asyncio.create_task(whole(queue))
        await executor.next(PackRequest)
    with pytest.raises(Unavailable, match="executor first went away"):
        await calling


async def test_a_handler_that_breaks_off_is_no_whole_answer(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor:
        await reported(queue, executor)
        calling = asyncio.create_task(whole(queue))
        asked = await executor.next(PackRequest)
        executor.say(PackResponse(asked.call_id, HEAD))
        executor.say(PackResponse(asked.call_id, None, "the worker was killed"))
        with pytest.raises(Unavailable, match="the worker was killed"):
            await calling


async def test_the_first_executor_by_name_answers(queue: Queue) -> None:
    async with FakeExecutor(queue, "two") as two, FakeExecutor(queue, "one") as one, FakeExecutor(queue, "none"):
        await reported(queue, two)
        await reported(queue, one)
        calling = asyncio.create_task(whole(queue))
        asked = await one.next(PackRequest)
        two.say(PackResponse(asked.call_id, None))
        one.say(PackResponse(asked.call_id, HEAD))
        one.say(PackResponse(asked.call_id, None))
        assert await calling == [HEAD]


async def test_a_request_that_nobody_answers_is_refused(queue: Queue) -> None:
    with pytest.raises(NotFound, match="GET /mine/a"):
        await whole(queue)


async def test_a_body_that_is_too_long_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidArgument, match="longer than"):
        async for _ in queue.call_pack(HttpRequest("POST", "/mine/a", body=bytes(MAX_REQUEST_BYTES + 1))):
            pass


async def test_whoever_watches_everything_hears_what_packs_tell_browsers(queue: Queue) -> None:
    async with FakeExecutor(queue) as executor, aclosing(queue.watch()) as batches, asyncio.timeout(10):
        assert await anext(batches) == []
        executor.say(MESSAGE)
        (event,) = await anext(batches)
        assert (event.body, event.client_id, event.prompt_id) == (MESSAGE, "client", "")
