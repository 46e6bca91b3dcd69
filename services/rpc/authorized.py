"""The token in calls: clients show it, servers ask for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self, TypeAlias

import grpc

from services.errors import Unauthenticated
from services.rpc.security import Tokens

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

_HEADER = "authorization"

#: Anybody may ask whether a service is well: orchestrators do, who have no token.
_OPEN = "/grpc.health."


class AuthorizedChannel(grpc.aio.Channel):
    """A channel whose calls show the token of the moment.

    It is what generated stubs make calls of. An interceptor would do, too, but those of grpc.aio put a task of their
    own between a stream and its reader.
    """

    def __init__(self, channel: grpc.aio.Channel, tokens: Tokens) -> None:
        self._channel = channel
        self._tokens = tokens

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._channel.__aexit__(*error)

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    def unary_unary(self, *method: Any, **more: Any) -> Any:
        return self._showing(self._channel.unary_unary(*method, **more))

    def unary_stream(self, *method: Any, **more: Any) -> Any:
        return self._showing(self._channel.unary_stream(*method, **more))

    def stream_unary(self, *method: Any, **more: Any) -> Any:
        return self._showing(self._channel.stream_unary(*method, **more))

    def stream_stream(self, *method: Any, **more: Any) -> Any:
        return self._showing(self._channel.stream_stream(*method, **more))

    def _showing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*request: Any, metadata: Any = None, **more: Any) -> Any:
            return method(*request, metadata=(*(metadata or ()), (_HEADER, self._tokens.shown)), **more)

        return call


class TokenCheck(grpc.aio.ServerInterceptor):
    """Lets calls through that show the token."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler; one that refuses for callers without the token."""
        if handler_call_details.method.startswith(_OPEN) or self._is_shown(handler_call_details):
            return await continuation(handler_call_details)
        return _REFUSAL

    def _is_shown(self, details: grpc.HandlerCallDetails) -> bool:
        return any(self._tokens.accept(value) for key, value in details.invocation_metadata or () if key == _HEADER)


async def _refuse(requests: Any, context: Any) -> AsyncIterator[Any]:
    raise Unauthenticated("calls need the token of this installation: --token-file, or $SILVERPRINT_TOKEN")
    yield


#: For calls of any shape: it reads nothing.
_REFUSAL: Handler = grpc.stream_stream_rpc_method_handler(_refuse)
