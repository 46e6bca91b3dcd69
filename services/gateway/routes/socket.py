"""`/ws` asked for without an upgrade."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.errors import BadRequest


async def explain(backends: Backends, request: Request) -> Response:
    """Say what is missing."""
    raise BadRequest("only WebSockets are answered here: the request has no Upgrade: websocket", field="Upgrade")
