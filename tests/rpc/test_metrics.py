"""What a server counts of its calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.errors import NotFound, ServiceError
from services.rpc.channel import call, open_channel, stream
from services.rpc.server import serve
from tests.queue.watching import eventually
from tests.rpc.servicer import NAME, SHAPES, Scripted, once

TEST = {"grpc_service": "TestService"}


def value(registry: CollectorRegistry, name: str, method: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, {**TEST, "grpc_method": method, **labels})


async def asked(channel: Any, shape: str) -> None:
    """Call a method of this shape and take all that it answers."""
    path = f"/{NAME}/{shape}"
    match shape:
        case "UnaryUnary":
            await call(channel.unary_unary(path)(b"x"))
        case "UnaryStream":
            [_ async for _ in stream(channel.unary_stream(path)(b"x"))]
        case "StreamUnary":
            await call(channel.stream_unary(path)(once(b"x")))
        case _:
            [_ async for _ in stream(channel.stream_stream(path)(once(b"x")))]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("error", "code"), [(None, "OK"), (NotFound("gone"), "NOT_FOUND"), (ValueError("a bug"), "INTERNAL")]
)
async def test_calls_are_counted_by_method_and_status(shape: str, error: Exception | None, code: str) -> None:
    registry = CollectorRegistry()
    servicers = [Scripted(error).entry]
    async with serve("127.0.0.1:0", servicers, registry) as server, open_channel(server.address) as channel:
        for _ in range(2):
            with suppress(ServiceError):
                await asked(channel, shape)
    assert value(registry, "silverprint_grpc_calls_total", shape, grpc_code=code) == 2.0
    took = value(registry, "silverprint_grpc_call_duration_seconds_count", shape)
    assert took == (None if shape.endswith("Stream") else 2.0)


async def test_open_streams_are_told_and_those_that_callers_left_are_counted() -> None:
    class Endless(Scripted):
        async def unary_stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
            yield request
            await asyncio.Event().wait()

    registry = CollectorRegistry()
    servicers = [Endless().entry]
    async with serve("127.0.0.1:0", servicers, registry) as server, open_channel(server.address) as channel:
        method: Any = channel.unary_stream(f"/{NAME}/UnaryStream")
        responses = method(b"x")
        assert await responses.read() == b"x"
        assert value(registry, "silverprint_grpc_streams", "UnaryStream") == 1.0
        responses.cancel()

        async def left() -> bool:
            return value(registry, "silverprint_grpc_streams", "UnaryStream") == 0.0

        await eventually(left)
    assert value(registry, "silverprint_grpc_calls_total", "UnaryStream", grpc_code="CANCELLED") == 1.0
