"""Clients that misuse their sockets, against a gateway that others use at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator

import pytest
import websockets
from websockets.frames import Frame, Opcode

from services.gateway import service, websocket
from services.gateway.sockets import protocol
from services.graph.events import ExecutionStarted, ExecutionSucceeded, NodeFinished, NodesCached
from tests.gateway.executor import ScriptedRun
from tests.gateway.stack import ONE, Gateway, gateway
from tests.gateway.test_websocket import HANDSHAKE, receive, until_end

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = '{"type": "other"}'


@contextlib.asynccontextmanager
async def raw(running: Gateway) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A socket that is written to by hand, and of which little is read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def frames(*described: tuple[Opcode, bytes, bool]) -> bytes:
    return b"".join(Frame(opcode, data, fin).serialize(mask=True) for opcode, data, fin in described)


async def close_code(reader: asyncio.StreamReader) -> int:
    """The code with which the gateway ends a connection, after what it said before."""
    async with asyncio.timeout(20):
        while True:
            first, length = await reader.readexactly(2)
            if length > 125:
                length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
            data = await reader.readexactly(length)
            if first & 15 == Opcode.CLOSE:
                return int.from_bytes(data[:2], "big")


async def measured(running: Gateway, figure: str) -> None:
    """Return once a metric has a value."""
    async with asyncio.timeout(20):
        while f"silverprint_gateway_{figure}\n" not in (await running.http.get("/metrics")).text:
            pass


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frames((Opcode.TEXT, b"x" * (protocol.MAX_MESSAGE_BYTES + 1), True)), 1009),
        (frames((Opcode.TEXT, b"x", False), *[(Opcode.CONT, b"x" * protocol.MAX_MESSAGE_BYTES, False)]), 1009),
        (frames((Opcode.TEXT, b"{", False), *[(Opcode.CONT, b"", False)] * protocol.MAX_FRAGMENTS), 1009),
        (frames((Opcode.TEXT, b"\xff\xfe", True)), 1007),
        (b"\xff" * 100, 1002),
        (frames(*[(Opcode.TEXT, TEXT.encode(), True)] * (protocol.FRAMES_AT_ONCE + 100)), 1008),
        (frames(*[(Opcode.PING, b"", True)] * (protocol.FRAMES_AT_ONCE + 100)), 1008),
    ],
    ids=[
        "too long",
        "too long in parts",
        "too many parts",
        "no text",
        "no frame",
        "too many messages",
        "too many pings",
    ],
)
async def test_who_breaks_the_rules_is_told_which_and_others_go_on(shared: Gateway, said: bytes, code: int) -> None:
    async with shared.socket("good") as good, raw(shared) as (reader, writer):
        await receive(good)
        writer.write(said)
        assert await close_code(reader) == code
        await shared.submit(client_id="good")
        assert (await until_end(good))[-1]["data"]["node"] is None


async def test_messages_at_a_sane_rate_are_read_and_ignored(shared: Gateway) -> None:
    async with shared.socket("talkative") as socket:
        await receive(socket)
        for _ in range(protocol.FRAMES_AT_ONCE // 2):
            await socket.send(TEXT)
        await shared.submit(client_id="talkative")
        assert (await until_end(socket))[-1]["data"]["node"] is None


async def test_a_client_that_floods_the_gateway_is_sent_away(shared: Gateway) -> None:
    async with shared.socket("flood") as socket:
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                await socket.send(TEXT)


async def test_where_too_many_sockets_are_open_no_more_are_served_until_one_closes(
    shared: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await measured(shared, "websockets 0.0")
    monkeypatch.setattr(websocket, "MAX_SOCKETS", 1)
    async with shared.socket("first") as first:
        await receive(first)
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with shared.socket("second"):
                pass
        assert refused.value.response.status_code == 503
        assert "sockets are open" in json.loads(refused.value.response.body)["error"]["message"]
    await measured(shared, "websockets 0.0")
    async with shared.socket("second") as second:
        assert (await receive(second))["data"]["sid"] == "second"


async def test_pings_that_nobody_takes_the_answers_of_do_not_pile_up(
    shared: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "FRAMES_AT_ONCE", 1 << 30)
    made: list[protocol.SocketProtocol] = []
    connection_made = protocol.SocketProtocol.connection_made

    def noted(self: protocol.SocketProtocol, transport: asyncio.BaseTransport) -> None:
        made.append(self)
        connection_made(self, transport)

    monkeypatch.setattr(protocol.SocketProtocol, "connection_made", noted)
    pings = frames(*[(Opcode.PING, os.urandom(125), True)] * 1000)
    async with raw(shared) as (_, writer):
        for _ in range(100):
            writer.write(pings)
            await writer.drain()
        (served,) = made
        assert served.transport.get_write_buffer_size() < 1 << 20


@pytest.mark.asyncio(loop_scope="function")
async def test_a_client_that_reads_too_slowly_is_told_to_come_back() -> None:
    shown = json.dumps({"text": ["x" * 1_000_000]}).encode()

    async def talk(run: ScriptedRun) -> None:
        run.emit(ExecutionStarted(), NodesCached(()))
        for _ in range(30):
            run.emit(NodeFinished(ONE, shown, False))
        run.emit(ExecutionSucceeded())

    async with gateway(talk) as running, raw(running) as (reader, _):
        await running.submit(client_id="me")
        await measured(running, "websocket_overflows_total 1.0")
        assert await close_code(reader) == 1013


@pytest.mark.asyncio(loop_scope="function")
async def test_a_socket_on_which_nothing_happens_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.PING_INTERVAL < 10  # seconds after which some clients give up
    monkeypatch.setattr(service, "PING_INTERVAL", service.PING_INTERVAL / 50)
    async with gateway(executor=False) as running, raw(running) as (reader, _), asyncio.timeout(20):
        opcodes = []
        while Opcode.PING not in opcodes:
            first, length = await reader.readexactly(2)
            await reader.readexactly(length)
            opcodes.append(first & 15)


@pytest.mark.asyncio(loop_scope="function")
async def test_a_client_that_vanishes_in_mid_message_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PING_INTERVAL", 0.1)
    monkeypatch.setattr(service, "PING_TIMEOUT", 0.2)
    monkeypatch.setattr(protocol, "LINGER", 0.1)

    async def talk(run: ScriptedRun) -> None:
        run.emit(ExecutionStarted(), NodesCached(()))
        run.emit(NodeFinished(ONE, json.dumps({"text": ["x" * 7_000_000]}).encode(), False))
        run.emit(ExecutionSucceeded())

    async with gateway(talk) as running, raw(running):
        await running.finished(await running.submit(client_id="me"))
        await measured(running, "websockets 0.0")
