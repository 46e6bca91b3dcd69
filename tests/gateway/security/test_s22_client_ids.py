"""A client id is no key to the events of somebody else (S22)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets

from services.graph.events import ExecutionStarted, ExecutionSucceeded, NodePreview, NodeProgress, NodesCached
from tests.gateway.executor import ScriptedRun
from tests.gateway.stack import GRAPH, ONE, Gateway, gateway
from tests.gateway.test_websocket import kinds, receive, until_end


async def show(run: ScriptedRun) -> None:
    run.emit(ExecutionStarted(), NodesCached(()), NodeProgress(ONE, 1.0, 2.0), NodePreview(ONE, "image/png", b"png"))
    run.emit(ExecutionSucceeded())


async def made(running: Gateway, name: str) -> dict[str, str]:
    """A new user's header."""
    return {"comfy-user": (await running.http.post("/users", json={"username": name})).json()}


def listening(running: Gateway, client_id: str, headers: dict[str, str]) -> websockets.connect:
    address = f"ws://127.0.0.1:{running.port}/ws?clientId={client_id}"
    return websockets.connect(address, proxy=None, additional_headers=headers)


async def heard(socket: websockets.ClientConnection) -> list[Any]:
    """What a socket was told so far."""
    frames = []
    try:
        while True:
            frame = await asyncio.wait_for(socket.recv(), 0.3)
            frames.append(frame if isinstance(frame, bytes) else json.loads(frame))
    except TimeoutError:
        return frames


async def submit(running: Gateway, headers: dict[str, str], **more: Any) -> str:
    answer = await running.http.post("/prompt", json={"prompt": GRAPH, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["prompt_id"])


@pytest.mark.parametrize("client", [{"client_id": "known"}, {}])
async def test_s22_who_knows_a_client_id_hears_nothing_of_another_user(client: dict[str, str]) -> None:
    async with gateway(show, multi_user=True) as running:
        ann, bob = await made(running, "Ann"), await made(running, "Bob")
        ids = ("known", f"{ann['comfy-user']}/known", f"{ann['comfy-user']}/")
        for headers in (bob, {}, {"cookie": "comfy-user=nobody"}):
            for client_id in ids:
                async with listening(running, client_id, headers) as spy:
                    await running.finished(await submit(running, ann, **client))
                    assert set(kinds(await heard(spy))) == {"status"}


async def test_s22_a_user_hears_of_their_own_prompts_by_header_or_by_cookie() -> None:
    async with gateway(show, multi_user=True) as running:
        ann = await made(running, "Ann")
        cookie = (await running.http.get("/settings", headers=ann)).headers["set-cookie"]
        assert "httponly" in cookie.lower()
        assert "samesite=strict" in cookie.lower()
        async with (
            listening(running, "known", ann) as mine,
            listening(running, "known", {"cookie": cookie.partition(";")[0]}) as browser,
        ):
            assert (await receive(mine))["data"]["sid"] == "known"
            await submit(running, ann, client_id="known")
            for socket in (mine, browser):
                assert "execution_success" in kinds(await until_end(socket))


async def test_s22_prompts_and_sockets_of_nobody_find_each_other() -> None:
    async with gateway(show, multi_user=True) as running, listening(running, "known", {}) as socket:
        await submit(running, {}, client_id="known")
        assert "execution_success" in kinds(await until_end(socket))


async def test_s22_a_user_who_does_not_exist_is_refused() -> None:
    async with gateway(multi_user=True) as running:
        unknown = {"comfy-user": "nobody"}
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with listening(running, "known", unknown):
                pass
        assert refused.value.response.status_code == 401
        answer = await running.http.post("/prompt", json={"prompt": GRAPH}, headers=unknown)
        assert answer.status_code == 401


async def test_s22_without_several_users_no_cookie_is_given() -> None:
    async with gateway() as running:
        assert "set-cookie" not in (await running.http.get("/settings")).headers
