"""A service of the test's own, whose handlers do as they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from services.rpc.channel import call, stream
from services.rpc.server import Servicer

NAME = "silverprint.test.v1.TestService"


class Scripted:
    """One method of each shape; all of them raise `error` when there is one, streaming ones after one answer."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    @property
    def entry(self) -> Servicer:
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "UnaryUnary": grpc.unary_unary_rpc_method_handler(self.unary_unary),
            "UnaryStream": grpc.unary_stream_rpc_method_handler(self.unary_stream),
            "StreamUnary": grpc.stream_unary_rpc_method_handler(self.stream_unary),
            "StreamStream": grpc.stream_stream_rpc_method_handler(self.stream_stream),
        }
        generic = grpc.method_handlers_generic_handler(NAME, handlers)
        return Servicer(NAME, lambda server: server.add_generic_rpc_handlers((generic,)))

    async def unary_unary(self, request: bytes, context: Any) -> bytes:
        return self._answer(request)

    async def unary_stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield request
        yield self._answer(request)

    async def stream_unary(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        return self._answer(b"".join([request async for request in requests]))

    async def stream_stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request
            yield self._answer(request)

    def _answer(self, request: bytes) -> bytes:
        if self.error is not None:
            raise self.error
        return request


async def once(request: bytes) -> AsyncIterator[bytes]:
    """A stream of one request."""
    yield request


SHAPES = ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")


async def answers(channel: grpc.aio.Channel, shape: str) -> AsyncIterator[bytes]:
    """Call the method of a shape the way that clients do."""
    path = f"/{NAME}/{shape}"
    many: Any = {"StreamUnary": channel.stream_unary, "StreamStream": channel.stream_stream}.get(shape)
    one: Any = {"UnaryUnary": channel.unary_unary, "UnaryStream": channel.unary_stream}.get(shape)
    answering = many(path)(once(b"x")) if many else one(path)(b"x")
    if shape.endswith("Unary"):
        yield await call(answering)
        return
    async for answer in stream(answering):
        yield answer


async def ask(channel: grpc.aio.Channel, request: bytes = b"", method: str = "UnaryUnary") -> bytes:
    """Call a unary method."""
    method_of: Any = channel.unary_unary(f"/{NAME}/{method}")
    answer: bytes = await call(method_of(request))
    return answer
