"""The handlers of node packs over HTTP, and what packs tell sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection

from services.gateway.momentary import FRESH
from services.queue.packs import (
    MAX_REQUEST_BYTES,
    ON_PROMPT,
    BinaryMessage,
    HttpData,
    HttpHead,
    HttpRequest,
    HttpResponsePart,
    NodePack,
    PackMessage,
    PackReport,
    PackRoute,
    TextMessage,
)
from tests.gateway.stack import GRAPH, Gateway, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

KNOCK = "mine.knock"

REPORT = PackReport(
    (NodePack("mine", 3), NodePack("broken", 0, "ImportError: no module")),
    (PackRoute("*", "/mine/{rest}"), PackRoute("POST", ON_PROMPT), PackRoute("GET", "/queue")),
)


class Handler:
    """Notes what it is asked and answers in two parts."""

    def __init__(self) -> None:
        self.asked: list[HttpRequest] = []
        self.changes_prompts = True

    def __call__(self, request: HttpRequest) -> Iterator[HttpResponsePart]:
        self.asked.append(request)
        if request.path == ON_PROMPT:
            yield from self._change(request)
        elif request.path != "/mine/nothing":
            yield HttpHead(201, (("Content-Type", "text/plain"), ("X-Made", "a"), ("X-Made", "b"), ("Server", "other")))
            yield HttpData(b"one ")
            yield HttpData(request.body)

    def _change(self, request: HttpRequest) -> Iterator[HttpResponsePart]:
        submitted = json.loads(request.body)
        submitted["prompt"]["1"]["inputs"]["color"] = 77
        yield HttpHead(200 if self.changes_prompts else 500, ())
        yield HttpData(json.dumps(submitted).encode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def packed() -> AsyncIterator[Gateway]:
    """A gateway to an executor with packs."""
    async with gateway() as running:
        running.executor.on_pack_request = Handler()
        running.executor.say(REPORT)
        await asyncio.sleep(2 * FRESH)
        yield running


@pytest.fixture
def handler(packed: Gateway) -> Iterator[Handler]:
    handler = packed.executor.on_pack_request = Handler()
    yield handler


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_a_request_reaches_the_handler(packed: Gateway, handler: Handler, prefix: str) -> None:
    answer = await packed.http.post(f"{prefix}/mine/a%20b?x=1&y=%2F", content=b"two", headers={"X-Mood": "good"})
    assert (answer.status_code, answer.text) == (201, "one two")
    assert answer.headers.get_list("x-made") == ["a", "b"]
    assert answer.headers.get_list("server") == []
    (asked,) = handler.asked
    assert (asked.method, asked.path, asked.query, asked.body) == ("POST", "/mine/a%20b", "x=1&y=%2F", b"two")
    assert ("x-mood", "good") in asked.headers


async def test_credentials_are_not_passed_on(packed: Gateway, handler: Handler) -> None:
    secrets = {"Authorization": "Bearer x", "Cookie": "a=b", "X-API-Key": "y"}
    await packed.http.get("/mine/things", headers=secrets)
    assert not {name for name, _ in handler.asked[0].headers} & {name.lower() for name in secrets}


async def test_what_is_ours_stays_ours(packed: Gateway, handler: Handler) -> None:
    assert "queue_running" in (await packed.http.get("/queue")).json()
    assert (await packed.http.post(ON_PROMPT, json={})).status_code == 405
    assert (await packed.http.get("/others")).status_code == 404
    assert handler.asked == []


async def test_a_handler_that_breaks_off_is_a_failed_service(packed: Gateway, handler: Handler) -> None:
    assert (await packed.http.get("/mine/nothing")).status_code == 502


async def test_a_body_beyond_the_limit_is_refused(packed: Gateway, handler: Handler) -> None:
    answer = await packed.http.post("/mine/things", content=bytes(MAX_REQUEST_BYTES + 1))
    assert answer.status_code == 413
    assert handler.asked == []


async def test_a_pack_may_change_a_prompt_before_it_is_submitted(packed: Gateway, handler: Handler) -> None:
    entry = await packed.finished(await packed.submit())
    assert entry["prompt"][2]["1"]["inputs"]["color"] == 77


async def test_a_prompt_is_taken_as_it_is_when_packs_fail_to_change_it(packed: Gateway, handler: Handler) -> None:
    handler.changes_prompts = False
    entry = await packed.finished(await packed.submit())
    assert entry["prompt"][2] == GRAPH


async def test_packs_that_could_not_be_loaded_are_told_by_name(packed: Gateway) -> None:
    answer = await packed.http.get("/health")
    assert answer.status_code == 200
    assert answer.json()["node_packs"] == {
        "loaded": ["mine"],
        "failed": [{"name": "broken", "executor": "executor-1", "error": "ImportError: no module"}],
    }


async def test_messages_of_packs_reach_the_sockets_they_are_for(packed: Gateway) -> None:
    async with packed.socket("one") as one, packed.socket("two") as two:
        for socket in (one, two):
            assert json.loads(await socket.recv())["type"] == "status"
        await followed(packed, one)
        packed.executor.say(PackMessage("one", TextMessage("mine.hello", b'{"big": 18446744073709551615}')))
        packed.executor.say(PackMessage("one", BinaryMessage(77, b"\x00\xff")))
        packed.executor.say(PackMessage("", TextMessage("mine.all", b"null")))
        assert json.loads(await received(one)) == {"type": "mine.hello", "data": {"big": 18446744073709551615}}
        assert await received(one) == b"\x00\x00\x00\x4d\x00\xff"
        for socket in (one, two):
            assert json.loads(await received(socket)) == {"type": "mine.all", "data": None}


async def followed(packed: Gateway, socket: ClientConnection) -> None:
    """Return once the gateway hears what packs say, which is kept for nobody."""
    while True:
        packed.executor.say(PackMessage("", TextMessage(KNOCK, b"null")))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.1)
            return


async def received(socket: ClientConnection) -> str | bytes:
    """The next message of a socket that is not from `followed`."""
    while True:
        message = await socket.recv()
        if isinstance(message, bytes) or json.loads(message)["type"] != KNOCK:
            return message
