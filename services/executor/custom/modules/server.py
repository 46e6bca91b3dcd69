"""`server`: a PromptServer that reports as the running node, and notes the routes that packs ask for.

There is no HTTP server in the worker: what a pack sends to browsers goes as far as the platform has events for it.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Callable
from typing import Any

from services.executor.custom.modules.progress_bar import preview_of, report
from services.executor.custom.pack_host import pack_host
from services.executor.custom.routes import PackRoutes
from services.executor.custom.running_node import running_node

log = logging.getLogger(__name__)


class BinaryEventTypes(enum.IntEnum):
    """What a binary message holds."""

    PREVIEW_IMAGE = 1
    UNENCODED_PREVIEW_IMAGE = 2
    TEXT = 3
    PREVIEW_IMAGE_WITH_METADATA = 4


class _Application:
    """Notes what packs add to the application itself."""

    def __init__(self, routes: PackRoutes) -> None:
        self.router = self
        self._routes = routes

    def add_route(self, method: str, path: str, handler: Any, **options: Any) -> None:
        self._routes.route(method, path)(handler)

    def add_get(self, path: str, handler: Any, **options: Any) -> None:
        self._routes.get(path)(handler)

    def add_post(self, path: str, handler: Any, **options: Any) -> None:
        self._routes.post(path)(handler)

    def add_static(self, prefix: str, path: Any, **options: Any) -> None:
        self._routes.static(prefix, path)

    def add_routes(self, routes: Any) -> None:
        for route in routes:
            self._routes.recorded.extend(getattr(route, "recorded", ()))


class PromptServer:
    """What packs know of the server; there is one, `instance`."""

    instance: PromptServer

    def __init__(self) -> None:
        self.on_prompt_handlers: list[Callable[[Any], Any]] = []
        self.client_id: str | None = None
        self.supports = ["custom_nodes_from_web"]
        self.number = 0
        self.address = "127.0.0.1"
        self.port = 8188

    @property
    def routes(self) -> PackRoutes:
        """Decorators for handlers."""
        return pack_host().routes

    @property
    def app(self) -> _Application:
        """Takes routes, too."""
        return _Application(pack_host().routes)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that runs, for coroutines.

        Raises:
            RuntimeError: there is none.
        """
        return asyncio.get_running_loop()

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

    def add_on_prompt_handler(self, handler: Callable[[Any], Any]) -> None:
        """Note a handler; prompts are accepted elsewhere, so it is not called."""
        self.on_prompt_handlers.append(handler)
        log.warning("a handler of submitted prompts is not called here: %s", getattr(handler, "__module__", handler))

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Tell whoever watches: progress and previews as such; other events are logged and go nowhere.

        Raises:
            Interrupted: somebody asked to stop.
        """
        if event == "progress" and isinstance(data, dict):
            report(float(data.get("value", 0)), float(data.get("max", 1)))
        elif event == BinaryEventTypes.UNENCODED_PREVIEW_IMAGE:
            self._show(data)
        else:
            log.debug("an event %r of a pack is not passed on", event)

    async def send(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """As `send_sync`."""
        self.send_sync(event, data, sid)

    async def send_json(self, event: str, data: Any, sid: str | None = None) -> None:
        """As `send_sync`."""
        self.send_sync(event, data, sid)

    def send_progress_text(self, text: str | bytes | bytearray, node_id: str, sid: str | None = None) -> None:
        """A text that the running node shows."""
        if node := running_node():
            node.text(text if isinstance(text, str) else bytes(text).decode("utf-8", "replace"))

    def queue_updated(self) -> None:
        """Nothing to do: the queue tells about itself."""

    def _show(self, preview: Any) -> None:
        if (node := running_node()) and node.previews_wanted:
            node.progress(0, 1, preview_of(preview))


#: Packs ask where the class was written to learn where ComfyUI is.
PromptServer.__module__ = "server"
PromptServer.instance = PromptServer()
