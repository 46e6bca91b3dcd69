"""The gateway as an ASGI application."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from services.gateway.backends import Backends
from services.gateway.encoded_route import EncodedRoute
from services.gateway.literal_routes import LiteralRoutes
from services.gateway.origin import OriginCheck, Welcome
from services.gateway.resource import Resource, not_found
from services.gateway.routes import packs, web_ui
from services.gateway.routes.table import INTERNAL_ROUTES, PREFIX, ROUTES, SOCKET_PATH
from services.gateway.websocket import serve_socket


def build_app(backends: Backends, welcome: Welcome, gate: Sequence[Middleware] = ()) -> Starlette:
    """The application over `backends`, for those who are welcome, and whom the gate lets in where there is one."""

    async def socket(websocket: WebSocket) -> None:
        await serve_socket(backends, websocket)

    resources = {prefix + endpoint.path: Resource(endpoint, backends) for endpoint in ROUTES for prefix in ("", PREFIX)}
    resources |= {endpoint.path: Resource(endpoint, backends) for endpoint in INTERNAL_ROUTES}
    literal = {path: resource for path, resource in resources.items() if "{" not in path}
    routes: list[BaseRoute] = [LiteralRoutes(literal)]
    routes += [EncodedRoute(path, resource) for path, resource in resources.items() if path not in literal]
    routes += [WebSocketRoute(prefix + SOCKET_PATH, socket) for prefix in ("", PREFIX)]
    app = Starlette(routes=routes, middleware=[Middleware(OriginCheck, welcome=welcome), *gate])
    app.router.redirect_slashes = False
    app.router.default = _elsewhere(backends)
    return app


def _elsewhere(backends: Backends) -> ASGIApp:
    """What answers where no route does."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            response = await not_found(backends, Request({**scope, "type": "http", "method": "GET"}))
            await WebSocket(scope, receive, send).send_denial_response(response)
        elif scope["type"] == "http":
            request = Request(scope, receive, send)
            response = await packs.answer(backends, request, PREFIX) or await web_ui.show_file(backends, request)
            await response(scope, receive, send)
            backends.metrics.answered("other", "other", response.status_code, 0.0)

    return answer
