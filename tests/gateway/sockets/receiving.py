"""Taking out what waits for a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from services.gateway.sockets.socket import Socket
from tests.recordings import Frame


async def sent(socket: Socket) -> list[Frame]:
    """What waits for a socket, taken out as its client would receive it."""
    received: list[Frame] = []

    async def receive(payloads: Sequence[str | bytes]) -> None:
        received.extend(payload if isinstance(payload, bytes) else json.loads(payload) for payload in payloads)

    sending = asyncio.create_task(socket.send_all(receive))
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    return received
