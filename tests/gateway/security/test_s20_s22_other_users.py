"""With keys, nobody sees, stops or forgets what others submitted (S20), nor hears of it (S22), whatever they call
themselves (S21)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets

from services.queue.api_keys.records import NewApiKey
from services.queue.packs import PackMessage, TextMessage
from tests.gateway.stack import GRAPH, Gateway, gateway, wait_for_interrupt
from tests.gateway.test_websocket import kinds


class Person:
    """Somebody with a key."""

    def __init__(self, served: Gateway, key: str) -> None:
        self.key = key
        self._port = served.port
        self._http = served.http

    async def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """The answer to a request with the key."""
        return await self._http.request(method, path, headers={"X-API-Key": self.key, **(headers or {})}, **more)

    async def get(self, path: str, **more: Any) -> Any:
        return (await self.ask("GET", path, **more)).json()

    async def submit(self, **more: Any) -> str:
        answer = await self.ask("POST", "/prompt", json={"prompt": GRAPH, **more})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["prompt_id"])

    def socket(self, client_id: str) -> websockets.connect:
        address = f"ws://127.0.0.1:{self._port}/ws?clientId={client_id}&token={self.key}"
        return websockets.connect(address, proxy=None)


async def person(served: Gateway, user: str) -> Person:
    return Person(served, (await served.queue.api_keys.create(NewApiKey(user_id=user)))[1])


@pytest.fixture
async def served() -> AsyncIterator[Gateway]:
    async with gateway(keys=True) as served:
        yield served


async def test_s20_nobody_sees_what_another_one_ran(served: Gateway) -> None:
    ann, bob = await person(served, "ann"), await person(served, "bob")
    theirs, own = await ann.submit(client_id="known"), await bob.submit()
    for prompt_id in (theirs, own):
        await ended(served, prompt_id)
    assert list(await bob.get("/history")) == [own]
    assert list(await bob.get("/history", params={"max_items": 1})) == [own]
    assert list(await bob.get("/history", params={"max_items": 100, "offset": 0})) == [own]
    assert await bob.get(f"/history/{theirs}") == {}
    assert await bob.get("/history", params={"prompt_id": theirs}) == {}
    assert [job["id"] for job in (await bob.get("/jobs"))["jobs"]] == [own]
    assert (await bob.get("/jobs"))["pagination"]["total"] == 1
    for path in (f"/jobs/{theirs}", f"/jobs/{theirs}/export"):
        assert (await bob.ask("GET", path)).status_code == 404
        assert (await ann.ask("GET", path)).status_code == 200
    (await bob.ask("POST", "/history", json={"delete": [theirs]})).raise_for_status()
    (await bob.ask("POST", "/history", json={"clear": True})).raise_for_status()
    assert await bob.get("/history") == {}
    assert list(await ann.get("/history")) == [theirs]


async def test_s20_nobody_sees_or_stops_what_another_one_has_waiting_and_running() -> None:
    async with gateway(wait_for_interrupt, keys=True) as served:
        ann, bob = await person(served, "ann"), await person(served, "bob")
        running = await ann.submit()
        await served.begun(running)
        waiting = await ann.submit()
        assert await bob.get("/queue") == {"queue_pending": [], "queue_running": []}
        assert await bob.get("/prompt") == {"exec_info": {"queue_remaining": 0}}
        assert await ann.get("/prompt") == {"exec_info": {"queue_remaining": 2}}
        for path, body in [
            ("/interrupt", {}),
            ("/interrupt", {"prompt_id": running}),
            ("/queue", {"clear": True}),
            ("/queue", {"delete": [waiting]}),
            (f"/jobs/{running}/cancel", {}),
            (f"/jobs/{waiting}/cancel", {}),
            ("/jobs/cancel", {"job_ids": [running]}),
        ]:
            assert (await bob.ask("POST", path, json=body)).status_code in (200, 404), path
        queue = await ann.get("/queue")
        assert [item[1] for item in queue["queue_running"] + queue["queue_pending"]] == [running, waiting]
        (await ann.ask("POST", "/queue", json={"clear": True})).raise_for_status()
        (await ann.ask("POST", "/interrupt")).raise_for_status()
        await ended(served, running)
        assert (await ann.get("/prompt"))["exec_info"]["queue_remaining"] == 0


@pytest.mark.parametrize("client", [{"client_id": "known"}, {}])
async def test_s22_nobody_hears_of_another_one(served: Gateway, client: dict[str, str]) -> None:
    ann, bob = await person(served, "ann"), await person(served, "bob")
    for client_id in ("known", "ann/known", "ann/", ""):
        async with bob.socket(client_id) as spy:
            prompt_id = await ann.submit(**client)
            await ended(served, prompt_id)
            mark = await bob.submit(client_id=client_id or "bob")
            await ended(served, mark)
            frames = await heard(spy)
        told = json.dumps(frames)
        assert prompt_id not in told
        statuses = [frame["data"]["status"] for frame in frames if frame["type"] == "status"]
        assert max(status["exec_info"]["queue_remaining"] for status in statuses) <= 1


async def test_s22_everybody_is_told_how_many_they_have(served: Gateway) -> None:
    ann = await person(served, "ann")
    async with ann.socket("me") as socket:
        prompt_id = await ann.submit(client_id="me")
        await ended(served, prompt_id)
        frames = await heard(socket)
    assert {"status", "execution_start", "execution_success"} <= set(kinds(frames))
    told = [frame["data"]["status"]["exec_info"]["queue_remaining"] for frame in frames if frame["type"] == "status"]
    assert told[-1] == 0


async def test_s22_what_packs_tell_browsers_is_for_the_user_for_whom_they_work(served: Gateway) -> None:
    ann, bob = await person(served, "ann"), await person(served, "bob")
    async with ann.socket("me") as anns, ann.socket("other") as anns_other, bob.socket("me") as bobs:
        for client_id in ("", "me", "ann/me"):
            told = TextMessage(f"mine to {client_id}", b"1")
            served.executor.say(PackMessage(client_id, told, "ann"))
        served.executor.say(PackMessage("", TextMessage("mine to nobody", b"1")))
        told_to = [
            [kind for kind in kinds(await heard(it)) if kind.startswith("mine")] for it in (anns, anns_other, bobs)
        ]
    assert told_to == [["mine to ", "mine to me", "mine to ann/me"], ["mine to "], []]


async def test_s21_what_a_request_calls_itself_decides_nothing(served: Gateway) -> None:
    ann, bob = await person(served, "ann"), await person(served, "bob")
    (await ann.ask("POST", "/settings", json={"secret": 1})).raise_for_status()
    (await ann.ask("POST", "/userdata/a.json", content=b"1")).raise_for_status()
    as_ann = {"comfy-user": "ann", "Cookie": "comfy-user=ann"}
    assert await bob.get("/settings", headers=as_ann) == {}
    assert (await bob.ask("GET", "/userdata/a.json", headers=as_ann)).status_code == 404
    prompt_id = await ann.submit()
    await ended(served, prompt_id)
    assert await bob.get("/history", headers=as_ann) == {}
    assert "users" not in await bob.get("/users")


async def ended(served: Gateway, prompt_id: str) -> None:
    """Return once a prompt has ended."""
    async with asyncio.timeout(20):
        async for _ in served.queue.watch(prompt_id):
            pass


async def heard(socket: websockets.ClientConnection) -> list[Any]:
    """What a socket was told so far."""
    frames = []
    try:
        while True:
            frame = await asyncio.wait_for(socket.recv(), 0.4)
            if not isinstance(frame, bytes):
                frames.append(json.loads(frame))
    except TimeoutError:
        return frames
