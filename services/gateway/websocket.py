"""`/ws`: one client's socket, from its opening to its end."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from services.errors import ServiceError, Unavailable
from services.gateway.backends import Backends
from services.gateway.errors import BadRequest, error_response
from services.gateway.sockets.frames import Frame, Kind
from services.gateway.sockets.socket import Socket
from services.gateway.translate.features import features, understands_metadata
from services.gateway.translate.messages import encode
from services.gateway.translate.prompt import MAX_ID_LENGTH

#: Sockets that may be open; whoever comes then has to try again, so that requests go on being answered.
MAX_SOCKETS = 5000

#: Seconds to wait for the number of prompts before the last one known has to do.
COUNT_TIMEOUT = 1.0

#: Seconds that a client which reads slowly has to take what is on its way, and the goodbye.
CLOSE_TIMEOUT = 5.0

#: Close code for a client that cannot keep up; it may come back and is told what it missed.
_TRY_AGAIN_LATER = 1013


async def serve_socket(backends: Backends, websocket: WebSocket) -> None:
    """Talk to one client until either side leaves."""
    client_id = websocket.query_params.get("clientId") or uuid.uuid4().hex
    try:
        if len(client_id) > MAX_ID_LENGTH:
            raise BadRequest(f"clientId is longer than {MAX_ID_LENGTH} characters", field="clientId")
        if len(backends.hub) >= MAX_SOCKETS:
            raise Unavailable(f"{MAX_SOCKETS} sockets are open, no more are served")
        address = await backends.users.address_of_socket(websocket, client_id)
    except ServiceError as error:
        await websocket.send_denial_response(error_response(error))
        return
    await websocket.accept()
    hub = backends.hub
    socket = hub.socket(client_id, address)
    hub.join(socket, await _remaining(backends, websocket))
    try:
        await _converse(websocket, socket, backends)
    finally:
        hub.leave(socket)


async def _converse(websocket: WebSocket, socket: Socket, backends: Backends) -> None:
    tasks = [
        asyncio.create_task(socket.send_all(_sender(websocket))),
        asyncio.create_task(_listen(websocket, socket, backends.max_upload_bytes)),
    ]
    try:
        await asyncio.wait([*tasks, socket.overflowed], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect | OSError):
            raise result
    if socket.overflowed.done():
        backends.metrics.overflows.inc()
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, OSError):
            await asyncio.wait_for(websocket.close(_TRY_AGAIN_LATER, "you read too slowly"), CLOSE_TIMEOUT)


async def _listen(websocket: WebSocket, socket: Socket, max_upload_bytes: int) -> None:
    """Read what the client says: only the first JSON object counts, when it tells what the client understands."""
    negotiated = False
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        if negotiated:
            continue
        said = _json_object(message.get("text") or "")
        if said is None:
            continue
        negotiated = True
        if said.get("type") == "feature_flags":
            socket.metadata = understands_metadata(said.get("data"))
            socket.put(Frame(Kind.LASTING, encode(("feature_flags", features(max_upload_bytes)))))


async def _remaining(backends: Backends, websocket: WebSocket) -> int:
    try:
        async with asyncio.timeout(COUNT_TIMEOUT):
            stats = await backends.queue_of(websocket).stats()
    except (ServiceError, TimeoutError):
        return 0 if backends.asks_for_keys else backends.hub.remaining
    return stats.pending + stats.running


def _sender(websocket: WebSocket) -> Callable[[Sequence[str | bytes]], Awaitable[None]]:
    async def send(payloads: Sequence[str | bytes]) -> None:
        await websocket.send({"type": "websocket.send", "payloads": payloads})

    return send


def _json_object(message: str) -> dict[str, Any] | None:
    try:
        said = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return said if isinstance(said, dict) else None
