"""`server`: a PromptServer that reports as the running node, talks to browsers, and takes the handlers of packs.

The HTTP server that clients talk to is the gateway; what packs want to have served or sent reaches it over the queue.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Any

from aiohttp import web

from services.executor.custom.modules.progress_bar import preview_of, report
from services.executor.custom.pack_host import pack_host
from services.executor.custom.running_node import running_node
from services.graph import plain_json
from services.queue.packs import BinaryMessage, PackMessage, TextMessage

#: Bytes that a message for browsers may have.
MAX_MESSAGE_BYTES = 4 << 20


class BinaryEventTypes(enum.IntEnum):
    """What a binary message holds."""

    PREVIEW_IMAGE = 1
    UNENCODED_PREVIEW_IMAGE = 2
    TEXT = 3
    PREVIEW_IMAGE_WITH_METADATA = 4


class PromptServer:
    """What packs know of the server; there is one, `instance`."""

    instance: PromptServer

    def __init__(self) -> None:
        self.supports = ["custom_nodes_from_web"]
        self.number = 0
        self.address = "127.0.0.1"
        self.port = 8188

    @property
    def routes(self) -> web.RouteTableDef:
        """Decorators for handlers."""
        return pack_host().server.table

    @property
    def app(self) -> web.Application:
        """The application that the handlers are part of."""
        return pack_host().server.app

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where handlers run; other threads may send coroutines to it."""
        return pack_host().server.loop

    @property
    def on_prompt_handlers(self) -> list[Callable[[dict[str, Any]], dict[str, Any]]]:
        """What may change a prompt before it is submitted."""
        return pack_host().server.prompt_handlers

    @property
    def client_id(self) -> str | None:
        """Whose prompt is running."""
        node = running_node()
        return (node.client_id or None) if node else None

    @property
    def last_node_id(self) -> str | None:
        """The node that is running."""
        node = running_node()
        return node.node.node_id if node else None

    @property
    def last_prompt_id(self) -> str | None:
        """The prompt that is running."""
        node = running_node()
        return node.prompt_id if node else None

    def add_on_prompt_handler(self, handler: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Have a handler called with the JSON of every prompt that is submitted; it returns the one to submit."""
        self.on_prompt_handlers.append(handler)

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Tell the sockets of a client, or everybody's: progress and previews as the running node's, all else as it is.

        Raises:
            Interrupted: somebody asked to stop.
            ValueError: the message is too long.
        """
        if event == "progress" and isinstance(data, dict):
            report(float(data.get("value", 0)), float(data.get("max", 1)))
        elif event == BinaryEventTypes.UNENCODED_PREVIEW_IMAGE:
            self._show(data)
        elif event == BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA and isinstance(data, tuple):
            self._show(data[0])
        else:
            host = pack_host()
            host.tell(PackMessage(sid or "", _body(event, data), host.spaces.user))

    async def send(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """As `send_sync`."""
        self.send_sync(event, data, sid)

    async def send_json(self, event: str, data: Any, sid: str | None = None) -> None:
        """As `send_sync`."""
        self.send_sync(event, data, sid)

    async def send_bytes(self, event: int, data: bytes, sid: str | None = None) -> None:
        """As `send_sync`."""
        self.send_sync(event, data, sid)

    def send_progress_text(self, text: str | bytes | bytearray, node_id: str, sid: str | None = None) -> None:
        """A text that the running node shows."""
        if node := running_node():
            node.text(text if isinstance(text, str) else bytes(text).decode("utf-8", "replace"))

    def queue_updated(self) -> None:
        """Nothing to do: the queue tells about itself."""

    def _show(self, preview: Any) -> None:
        if node := running_node():
            node.show(preview_of(preview))


def _body(event: str | int, data: Any) -> TextMessage | BinaryMessage:
    told = bytes(data) if isinstance(data, bytes | bytearray | memoryview) else plain_json.dump(data)
    if len(told) > MAX_MESSAGE_BYTES:
        raise ValueError(f"the message {event} has {len(told):,} bytes, more than the {MAX_MESSAGE_BYTES:,} allowed")
    if isinstance(event, int):
        return BinaryMessage(int(event), told)
    return TextMessage(event, told)


#: Packs ask where the class was written to learn where ComfyUI is.
PromptServer.__module__ = "server"
PromptServer.instance = PromptServer()
