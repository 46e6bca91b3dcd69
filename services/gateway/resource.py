"""How one path answers: its handlers by method, ComfyUI's words for everything else, errors, and metrics."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway.backends import Backends
from services.gateway.errors import error_response

Handler = Callable[[Backends, Request], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """A path and what its methods do."""

    path: str
    methods: Mapping[str, Handler]


class Resource:
    """The ASGI application behind one endpoint."""

    def __init__(self, endpoint: Endpoint, backends: Backends) -> None:
        self._endpoint = endpoint
        self._backends = backends

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.perf_counter()
        request = Request(scope, receive, send)
        response = await self._respond(request)
        await response(scope, receive, send)
        seconds = time.perf_counter() - began
        method = request.method if request.method in _METHODS else "other"
        self._backends.metrics.answered(self._endpoint.path, method, response.status_code, seconds)

    async def _respond(self, request: Request) -> Response:
        handlers = self._endpoint.methods
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            return wrong_method(request.method, [*handlers, *(["HEAD"] if "GET" in handlers else [])])
        try:
            return await handler(self._backends, request)
        except Exception as error:
            return error_response(error)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


async def not_found(backends: Backends, request: Request) -> Response:
    """The answer for a path that no route has: static files would be there, and can only be read."""
    if request.url.path.startswith("/internal"):
        return Response("404: Not Found", 404, media_type="text/plain")
    return wrong_method(request.method, ["GET", "HEAD"])


def wrong_method(method: str, allowed: list[str]) -> Response:
    """What a path says to a method that it does not have."""
    if method == "OPTIONS":
        return Response(status_code=200)
    if method in ("GET", "HEAD"):
        return Response(status_code=404, media_type="application/octet-stream")
    headers = {"Allow": ",".join(sorted(allowed))}
    return Response("405: Method Not Allowed", 405, headers=headers, media_type="text/plain")
