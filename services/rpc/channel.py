"""Channels to a service, and calls whose failures are our own errors."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc

from services.rpc.options import CLIENT_OPTIONS
from services.rpc.status import error_of

T = TypeVar("T")

#: Seconds that an ordinary call may take before the caller gives up.
CALL_TIMEOUT = 60.0


def open_channel(target: str) -> grpc.aio.Channel:
    """A channel to `host:port` (or `unix:path`); it connects when first used and reconnects by itself."""
    return grpc.aio.insecure_channel(target, options=CLIENT_OPTIONS)


@contextmanager
def service_errors() -> Iterator[None]:
    """Raise what the server raised instead of gRPC's own error."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise error_of(error) from error


async def call(awaitable: Awaitable[T]) -> T:
    """The answer of a unary call.

    Raises:
        ServiceError: what the server raised, or `Unavailable` / `DeadlineExceeded` from the transport.
    """
    with service_errors():
        return await awaitable


async def stream(responses: AsyncIterable[T]) -> AsyncIterator[T]:
    """The answers of a streaming call; raises as `call` does."""
    with service_errors():
        async for response in responses:
            yield response
