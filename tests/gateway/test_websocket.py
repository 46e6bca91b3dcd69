"""`/ws` over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
import websockets

from services.graph.events import (
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodesCached,
    NodeStarted,
)
from tests.gateway.executor import ScriptedRun
from tests.gateway.stack import ONE, Gateway, gateway, wait_for_interrupt

pytestmark = pytest.mark.asyncio(loop_scope="module")

FEATURES = {"supports_preview_metadata": True, "max_upload_size": 104857600}
HANDSHAKE = (
    b"GET /ws?clientId=me HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
NEGOTIATION = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}


async def receive(socket: websockets.ClientConnection) -> Any:
    """The next frame: a message, or bytes."""
    frame = await asyncio.wait_for(socket.recv(), 10)
    return frame if isinstance(frame, bytes) else json.loads(frame)


async def until_end(socket: websockets.ClientConnection) -> list[Any]:
    """All frames until a prompt has ended."""
    frames: list[Any] = []
    while not frames or not is_end(frames[-1]):
        frames.append(await receive(socket))
    return frames


def is_end(frame: Any) -> bool:
    return isinstance(frame, dict) and frame["type"] == "executing" and frame["data"]["node"] is None


def kinds(frames: list[Any]) -> list[str]:
    return ["picture" if isinstance(frame, bytes) else frame["type"] for frame in frames]


@pytest.mark.parametrize("path", ["/ws", "/api/ws"])
async def test_the_first_frame_tells_the_id_that_the_client_chose(shared: Gateway, path: str) -> None:
    async with shared.socket("me", path) as socket:
        greeting = await receive(socket)
    assert greeting == {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "me"}}


async def test_a_client_without_an_id_is_given_one(shared: Gateway) -> None:
    async with shared.socket() as socket, shared.socket() as other:
        first, second = [(await receive(each))["data"]["sid"] for each in (socket, other)]
    assert len(first) == len(second) == 32
    assert first != second


@pytest.mark.parametrize(
    ("messages", "negotiated"),
    [
        ([json.dumps(NEGOTIATION)], True),
        (["not json", json.dumps(NEGOTIATION)], True),
        (["[1]", json.dumps(NEGOTIATION)], True),
        ([b"\0\1", json.dumps(NEGOTIATION)], True),
        ([json.dumps({"type": "feature_flags"})], True),
        ([json.dumps({"type": "other"}), json.dumps(NEGOTIATION)], False),
    ],
)
async def test_only_the_first_object_negotiates(shared: Gateway, messages: list[str | bytes], negotiated: bool) -> None:
    async with shared.socket("ff") as socket:
        await receive(socket)
        for message in messages:
            await socket.send(message)
        if negotiated:
            assert await receive(socket) == {"type": "feature_flags", "data": FEATURES}
        await socket.send(json.dumps(NEGOTIATION))
        prompt_id = await shared.submit()
        frames = [await receive(socket)]
        while frames[-1]["type"] != "status" or frames[-1]["data"]["status"]["exec_info"]["queue_remaining"]:
            frames.append(await receive(socket))
        assert "feature_flags" not in kinds(frames)
        await shared.finished(prompt_id)


async def test_a_prompt_is_told_to_its_client_and_its_history_is_there_at_the_end(shared: Gateway) -> None:
    async with shared.socket("mine") as mine, shared.socket("other") as other:
        await receive(mine)
        await receive(other)
        prompt_id = await shared.submit(client_id="mine")
        frames = await until_end(mine)
        assert (await shared.http.get(f"/history/{prompt_id}")).json()[prompt_id]["status"]["completed"]
        assert kinds(frames) == [
            "status",
            "status",
            "execution_start",
            "execution_cached",
            "progress_state",
            "executing",
            "progress_state",
            "progress_state",
            "executing",
            "executed",
            "progress_state",
            "execution_success",
            "status",
            "executing",
        ]
        assert [(await receive(other))["type"] for _ in range(3)] == ["status"] * 3


async def test_a_client_that_connects_after_a_fast_prompt_is_told_all_of_it(shared: Gateway) -> None:
    prompt_id = await shared.submit(client_id="late")
    await shared.finished(prompt_id)
    async with shared.socket("late") as socket:
        frames = await until_end(socket)
    assert kinds(frames) == [
        "status",
        "execution_start",
        "execution_cached",
        "executed",
        "execution_success",
        "executing",
    ]
    async with shared.socket("late") as socket:
        await receive(socket)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.1)


@pytest.mark.parametrize(("metadata", "event_type"), [(False, 1), (True, 4)])
@pytest.mark.asyncio(loop_scope="function")
async def test_previews_travel_from_the_executor_to_the_socket(metadata: bool, event_type: int) -> None:
    seen = asyncio.Event()

    async def sample(run: ScriptedRun) -> None:
        run.emit(ExecutionStarted(), NodesCached(()), NodeStarted(ONE))
        for step in range(1000):
            run.emit(NodeProgress(ONE, step, 1000.0), NodePreview(ONE, "image/png", b"png"))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(seen.wait(), 0.02)
                break
        run.emit(NodeFinished(ONE, b"", False), ExecutionSucceeded())

    async with gateway(sample) as running, running.socket("me") as socket:
        if metadata:
            await socket.send(json.dumps(NEGOTIATION))
        await running.submit(client_id="me")
        frames = [await receive(socket)]
        while not isinstance(frames[-1], bytes):
            frames.append(await receive(socket))
        frames.append(await receive(socket))
        seen.set()
        await until_end(socket)
    before, picture, after = frames[-3:]
    assert picture[:4] == bytes([0, 0, 0, event_type])
    assert picture.endswith(b"png")
    neighbours = ("progress_state", "progress") if metadata else ("progress", "progress_state")
    assert (before["type"], after["type"]) == neighbours


@pytest.mark.asyncio(loop_scope="function")
async def test_a_client_that_comes_back_in_mid_run_is_told_which_node_runs() -> None:
    async with gateway(wait_for_interrupt) as running:
        async with running.socket("me") as socket:
            prompt_id = await running.submit(client_id="me")
            while (await receive(socket))["type"] != "executing":
                pass
        async with running.socket("me") as socket:
            frames = [await receive(socket) for _ in range(3)]
            assert kinds(frames) == ["status", "progress_state", "executing"]
            assert frames[0]["data"]["status"]["exec_info"]["queue_remaining"] == 1
            assert frames[2]["data"]["node"] == "1"
            await running.http.post("/interrupt", json={"prompt_id": prompt_id})
            assert "execution_interrupted" in kinds(await until_end(socket))


async def test_an_endless_id_is_refused_before_the_socket_opens(
    shared: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with shared.socket("x" * 300):
            pass
    assert refused.value.response.status_code == 400
    assert "clientId" in json.loads(refused.value.response.body)["error"]["message"]
    assert not caplog.records


async def test_a_socket_elsewhere_is_refused(shared: Gateway) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with shared.socket("me", "/nowhere"):
            pass
    assert refused.value.response.status_code == 404


async def test_a_plain_request_is_told_that_an_upgrade_is_missing(shared: Gateway) -> None:
    answer = await shared.http.get("/ws")
    assert answer.status_code == 400
    assert "Upgrade" in answer.json()["error"]["message"]


async def test_previews_are_not_compressed_again(shared: Gateway) -> None:
    async with shared.socket("me") as socket:
        assert socket.response is not None
        assert "sec-websocket-extensions" not in socket.response.headers


@pytest.mark.parametrize("data", [None, [1], "yes", 1, {"supports_preview_metadata": "true"}])
async def test_flags_that_make_no_sense_are_answered_and_change_nothing(shared: Gateway, data: Any) -> None:
    async with shared.socket("odd") as socket:
        await receive(socket)
        await socket.send(json.dumps({"type": "feature_flags", "data": data}))
        assert await receive(socket) == {"type": "feature_flags", "data": FEATURES}
        await shared.submit(client_id="odd")
        assert "execution_success" in kinds(await until_end(socket))


@pytest.mark.asyncio(loop_scope="function")
async def test_a_client_that_does_not_read_is_dropped_and_told_when_it_comes_back() -> None:
    large = json.dumps({"text": ["x" * 500_000]}).encode()

    async def talk(run: ScriptedRun) -> None:
        run.emit(ExecutionStarted(), NodesCached(()))
        for _ in range(60):
            run.emit(NodeFinished(ONE, large, False))
            await asyncio.sleep(0.005)
        run.emit(ExecutionSucceeded())

    async with gateway(talk) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        await running.finished(await running.submit(client_id="me"))
        async with asyncio.timeout(20):
            while "silverprint_gateway_websockets 0.0" not in (await running.http.get("/metrics")).text:
                pass
        async with running.socket("me") as again:
            frames = await until_end(again)
        assert kinds(frames)[-2:] == ["execution_success", "executing"]
        writer.close()
