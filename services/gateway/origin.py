"""Refuses what a foreign web page makes a visitor's browser send.

Browsers name the page in the `Origin` header, and the address that they were given in `Host`. Both are compared as
text: resolving a name that a stranger chose would put their name server between every request and its answer.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from services.errors import InvalidArgument, PermissionDenied
from services.gateway.errors import error_response

#: Domains that no stranger can have a name in, and so cannot point at this machine (RFC 6761, 6762, 8375; ICANN).
_PRIVATE = (".localhost", ".local", ".internal", ".home.arpa")

#: What pages of allowed origins may do.
_CORS = {
    "Access-Control-Allow-Methods": "POST, GET, DELETE, PUT, OPTIONS, PATCH",
    "Access-Control-Allow-Headers": (
        "Content-Type, Authorization, X-API-Key, X-Silverprint-User, Comfy-User, Idempotency-Key"
    ),
    "Access-Control-Allow-Credentials": "true",
}


@dataclass(frozen=True)
class Welcome:
    """Names that the gateway answers to, and origins of pages that may use it from elsewhere, in lower case."""

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, hosts: str, origins: str) -> Welcome:
        """Read two lists with commas between their parts.

        Raises:
            InvalidArgument: an origin is none; "*" would let every page in.
        """
        parsed = cls(_listed(hosts), _listed(origins))
        for origin in parsed.origins:
            parts = urlsplit(origin)
            if not parts.scheme or not parts.netloc or "*" in origin or f"{parts.scheme}://{parts.netloc}" != origin:
                raise InvalidArgument(f"allowed-origins: {origin!r} is not an origin such as https://studio.example")
        return parsed

    def has_host(self, host: str) -> bool:
        """Whether the gateway answers to this name: an address, one that nobody else can have, or an allowed one."""
        return (
            not host
            or "." not in host
            or host.endswith(_PRIVATE)
            or _is_address(host)
            or bool({host, "*"} & self.hosts)
        )


class OriginCheck:
    """Answers 403 to other names, and where the page comes from another place."""

    def __init__(self, app: ASGIApp, welcome: Welcome) -> None:
        self._app = app
        self._welcome = welcome

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, self._with_cors(scope, send))
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        host = _address(f"//{headers.get('host', '')}")
        if not self._welcome.has_host(host[0]):
            why = f"the gateway does not answer to the name {host[0][:100]!r}: --allowed-hosts says which it does"
            return error_response(PermissionDenied(why))
        origin = headers.get("origin")
        if origin is None or origin.lower() in self._welcome.origins or _goes_with(origin, host, headers):
            return None
        return Response(status_code=403)

    def _with_cors(self, scope: Scope, send: Send) -> Send:
        """Let pages of allowed origins read the answer."""
        if scope["type"] != "http" or not self._welcome.origins:
            return send
        origin = Headers(scope=scope).get("origin", "")

        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if origin.lower() in self._welcome.origins:
                    headers.update({"Access-Control-Allow-Origin": origin, **_CORS})
            await send(message)

        return send_with_cors


def _goes_with(origin: str, host: tuple[str, int | None], headers: Headers) -> bool:
    """Whether a page of this origin is one of our own; pages without one are taken at their browser's word."""
    if origin == "null":
        return headers.get("sec-fetch-site") not in ("cross-site", "same-site")
    page = _address(origin)
    return host[0] == page[0] and (host[1] is None or page[1] is None or host[1] == page[1])


def _listed(text: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def _address(url: str) -> tuple[str, int | None]:
    """Host and port; a host that no request could have for what is not an address."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").rstrip(".").lower(), parts.port
    except ValueError:
        return "invalid.invalid", None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
