"""Refuses what a foreign web page sends to a gateway on the visitor's own machine.

Browsers name the page in the `Origin` header. Addresses are compared as text: resolving a name that a stranger
chose would put their name server between every request and its answer.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket


class OriginCheck:
    """Answers 403 where the host is this machine and the origin is another place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan" or _is_welcome(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(Response(status_code=403))
        else:
            await Response(status_code=403)(scope, receive, send)


def _is_welcome(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return True
    host, host_port = _address(f"//{headers.get('host', '')}")
    origin_host, origin_port = _address(origin)
    if not host or not origin_host or not _is_loopback(host):
        return True
    return host == origin_host and (host_port is None or origin_port is None or host_port == origin_port)


def _address(url: str) -> tuple[str, int | None]:
    """Host and port; a host that no request could have for what is not an address."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "invalid.invalid", None


def _is_loopback(host: str) -> bool:
    """Whether a browser that asks for this host asks its own machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        return name == "localhost" or name.endswith(".localhost")
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
