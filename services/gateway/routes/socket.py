"""`/ws` asked for without an upgrade."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.errors import BadRequest
from services.gateway.operations import USER, Answer, Parameter, operation


@operation(
    "webSocketConnect",
    "workflow",
    parameters=[USER, Parameter("clientId", "whose messages to get: what prompts name as their client_id")],
    answers={101: Answer({}, "a WebSocket")},
    errors=[400, 401],
)
async def explain(backends: Backends, request: Request) -> Response:
    """The socket that tells a client of its prompts.

    Asked for without an upgrade, it says what is missing.
    """
    raise BadRequest("only WebSockets are answered here: the request has no Upgrade: websocket", field="Upgrade")
