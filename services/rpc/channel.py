"""Channels to a service, and calls whose failures are our own errors."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc

from services.rpc.authorized import AuthorizedChannel
from services.rpc.options import CLIENT_OPTIONS
from services.rpc.security import NONE, Security, Tokens
from services.rpc.status import error_of

T = TypeVar("T")

#: Seconds that an ordinary call may take before the caller gives up.
CALL_TIMEOUT = 60.0


def open_channel(target: str, security: Security = NONE) -> grpc.aio.Channel:
    """A channel to `host:port` (or `unix:path`); it connects when first used and reconnects by itself.

    Raises:
        InvalidArgument: a file of the security cannot be read.
    """
    credentials = security.channel_credentials()
    if credentials is None:
        channel = grpc.aio.insecure_channel(target, options=CLIENT_OPTIONS)
    else:
        channel = grpc.aio.secure_channel(target, credentials, options=CLIENT_OPTIONS)
    return AuthorizedChannel(channel, Tokens(security)) if security.has_token else channel


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
