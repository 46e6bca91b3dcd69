"""Lets those in who show a key, and says who they are."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPMethod

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from services.errors import PermissionDenied, ServiceError, Unauthenticated
from services.gateway.access import sign_in
from services.gateway.access.credentials import Credential, shown_by, without_key
from services.gateway.access.known_keys import KnownKeys
from services.gateway.access.pace import Pace
from services.gateway.access.principal import Principal, set_principal
from services.gateway.errors import error_response
from services.gateway.v2.errors import refusal
from services.queue.api_keys.names import is_user_id

#: The header in which an admin says on whose behalf a request comes.
ACT_AS = "x-silverprint-user"

#: What says who asks, and is answered to whoever does: whether there is a gateway, and whether it works.
_OPEN = frozenset({"/health", "/health/live", "/ready"})

_PREFIX = "/api"

#: Where errors are worded otherwise.
_V2 = "/v2/assets"

#: Where a browser says that a request comes from: nowhere but itself and our own pages.
_OWN_SITES = (None, "none", "same-origin")


class Gate:
    """Sets the principal of every request, and answers 401 to those without a key."""

    def __init__(self, app: ASGIApp, keys: KnownKeys) -> None:
        self._app = app
        self._keys = keys
        self._pace = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            answer = await self._answer(connection, receive)
        except ServiceError as error:
            answer = _refusal(connection, error)
        if answer is None:
            await self._app(scope, receive, _for_one_user(send))
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(answer)
        else:
            await answer(scope, receive, send)

    async def _answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        """What there is to say to a request before it may pass; None when it may."""
        scope = connection.scope
        if scope.get("method") == HTTPMethod.OPTIONS:
            return Response(status_code=200)
        if scope["type"] == "http" and scope["path"] in (sign_in.SIGN_IN, sign_in.SIGN_OUT):
            return await self._sign_in_or_out(Request(scope, receive))
        credential = shown_by(connection)
        if credential is None and scope["path"].removeprefix(_PREFIX) in _OPEN:
            return None
        set_principal(scope, await self._principal(connection, credential))
        if credential is not None and credential.place == "query":
            if sign_in.is_page_wanted(connection):
                return sign_in.signed_in(connection, credential.key, sign_in.path_of(connection))
            scope["query_string"] = without_key(scope).encode("latin-1")
        return None

    async def _principal(self, connection: HTTPConnection, credential: Credential | None) -> Principal:
        if credential is None:
            raise Unauthenticated("a key is needed: X-API-Key, Authorization: Bearer, or ?token=")
        if credential.place == "cookie" and connection.headers.get("sec-fetch-site") not in _OWN_SITES:
            raise PermissionDenied("the browser's key is for pages of this server alone")
        key = await self._keys.find(credential.key)
        if key.requests_per_minute:
            self._pace.take(key.key_id, key.requests_per_minute)
        return _acting(connection, Principal(key.user_id, key.admin))

    async def _sign_in_or_out(self, request: Request) -> Response:
        if request.method != HTTPMethod.POST:
            return sign_in.page("/")
        if request.url.path == sign_in.SIGN_OUT:
            return sign_in.signed_out()
        key, next_path = await sign_in.form(request)
        try:
            await self._keys.find(key)
        except Unauthenticated:
            return sign_in.page(next_path, "This is not a key, or it is not good any more.")
        except ServiceError as error:
            return sign_in.page(next_path, f"It cannot be told now whose this is: {error.message}")
        return sign_in.signed_in(request, key, next_path)


def _for_one_user(send: Send) -> Send:
    """Have caches ask again before they show somebody what they keep, unless the answer says what they may do.

    Of files that have a date, they would keep them for a while by themselves, and show them to whoever comes next.
    """

    async def send_marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).setdefault("Cache-Control", "private, no-cache")
        await send(message)

    return send_marked


def _acting(connection: HTTPConnection, principal: Principal) -> Principal:
    """Whoever an admin says to be, for one request."""
    user = connection.headers.get(ACT_AS)
    if user is None or user == principal.user:
        return principal
    if not principal.admin:
        raise PermissionDenied(f"{ACT_AS}: only admins speak for others")
    if not is_user_id(user):
        raise PermissionDenied(f"{ACT_AS}: {user[:100]!r} is not a name for a user")
    return replace(principal, user=user)


def _refusal(connection: HTTPConnection, error: ServiceError) -> Response:
    if isinstance(error, Unauthenticated) and sign_in.is_page_wanted(connection):
        problem = "" if shown_by(connection) is None else "Please sign in again."
        return sign_in.page(sign_in.path_of(connection), problem)
    is_v2 = connection.scope["path"].removeprefix(_PREFIX).startswith(_V2)
    response = refusal(error) if is_v2 else error_response(error)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
