"""The HTTP handlers of packs: an aiohttp application of their own in the worker, reached over a socket file.

Packs declare handlers with aiohttp, which ComfyUI serves with, so it is aiohttp that calls them. What the queue
passes on is sent to the application as an ordinary request; its answer goes back in parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from services.executor.engine.context import in_space
from services.executor.engine.failure import message_of
from services.queue.packs import (
    MAX_REQUEST_BYTES,
    OF_CONNECTION,
    ON_PROMPT,
    PART_BYTES,
    WINDOW_BYTES,
    HttpData,
    HttpHead,
    HttpRequest,
    PackCancellation,
    PackFlow,
    PackOrder,
    PackRequest,
    PackResponse,
    PackRoute,
)

log = logging.getLogger(__name__)

#: Bytes that the path of a socket file may have everywhere.
_MAX_SOCKET_PATH = 100

#: Seconds that handlers have to end when the worker does.
SHUTDOWN_GRACE = 0.5

#: Whose files a request is about: only what is sent here says it, whatever a client wrote.
SPACE_HEADER = "Silverprint-File-Space"

PromptHandler = Callable[[dict[str, Any]], dict[str, Any]]


class PackServer:
    """What packs add to before `start` and is served afterwards, in a thread with a loop of its own.

    Attributes:
        table: decorators for handlers.
        app: the application, for packs that add to it directly.
        loop: where handlers run; packs send coroutines to it.
        prompt_handlers: each may change a prompt before it is submitted.
    """

    def __init__(self, folder: Path, say: Callable[[PackResponse], None]) -> None:
        self.table = web.RouteTableDef()
        self.app = web.Application(client_max_size=MAX_REQUEST_BYTES, middlewares=[_within_space])
        self.loop = asyncio.new_event_loop()
        self.prompt_handlers: list[PromptHandler] = []
        self._say = say
        self._socket = _socket_path(folder)
        self._calls: dict[str, _Call] = {}
        self._client: aiohttp.ClientSession | None = None
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=SHUTDOWN_GRACE)
        self._thread = threading.Thread(target=self.loop.run_forever, name="packs", daemon=True)
        self._thread.start()

    def start(self) -> tuple[PackRoute, ...]:
        """Serve; answers with the handlers that there are.

        A handler for what another one answers already is left out, with a warning.
        """
        for definition in self.table:
            try:
                definition.register(self.app.router)
            except (RuntimeError, ValueError) as error:
                log.warning("a handler of a node pack is left out: %s", error)
        if self.prompt_handlers:
            self.app.router.add_post(ON_PROMPT, self._change_prompt)
        routes = tuple(_routes(self.app))
        if routes:
            asyncio.run_coroutine_threadsafe(self._serve(), self.loop).result()
        return routes

    def close(self) -> None:
        """Drop the calls that are under way, and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def obey(self, order: PackOrder) -> None:
        """Take a request, or what is said about one; from any thread."""
        self.loop.call_soon_threadsafe(self._obey, order)

    async def _serve(self) -> None:
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._socket)).start()
        self._client = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(self._socket), limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            read_bufsize=PART_BYTES,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def _end(self) -> None:
        for call in list(self._calls.values()):
            call.task.cancel()
        if self._client:
            await self._client.close()
            await self._runner.cleanup()

    def _obey(self, order: PackOrder) -> None:
        match order:
            case PackRequest(call_id, request) if self._client:
                call = self._calls[call_id] = _Call(call_id, self._say)
                call.task = self.loop.create_task(self._answer(call, self._client, request))
            case PackRequest(call_id):
                self._say(PackResponse(call_id, None, "no node pack has a handler"))
            case PackFlow(call_id, taken_bytes):
                if known := self._calls.get(call_id):
                    known.window.widen(taken_bytes)
            case PackCancellation(call_id):
                if known := self._calls.get(call_id):
                    known.task.cancel()

    async def _answer(self, call: _Call, client: aiohttp.ClientSession, request: HttpRequest) -> None:
        error = ""
        try:
            await call.carry(client, request)
        except Exception as failure:  # whatever it is, the caller must not wait for ever
            log.warning("a request for a node pack failed", exc_info=True)
            error = f"{request.method} {request.path} broke off: {message_of(failure)}"
        finally:
            del self._calls[call.id]
        self._say(PackResponse(call.id, None, error))

    async def _change_prompt(self, request: web.Request) -> web.Response:
        submitted = await request.json()
        for handler in self.prompt_handlers:
            try:
                submitted = handler(submitted)
            except Exception:  # somebody else's code: the prompt is taken as it was before
                log.warning("a pack's handler of submitted prompts failed", exc_info=True)
        return web.json_response(submitted)


@web.middleware
async def _within_space(request: web.Request, handler: Handler) -> web.StreamResponse:
    with in_space(request.headers.get(SPACE_HEADER, "")):
        return await handler(request)


class _Call:
    """One request that is being answered."""

    def __init__(self, call_id: str, say: Callable[[PackResponse], None]) -> None:
        self.id = call_id
        self.window = _Window(WINDOW_BYTES)
        self.task: asyncio.Task[None]
        self._say = say

    async def carry(self, client: aiohttp.ClientSession, request: HttpRequest) -> None:
        """Have the application answer, and pass the answer on as fast as it is taken."""
        path = f"{request.path}?{request.query}" if request.query else request.path
        async with client.request(
            request.method,
            URL(f"http://packs{path}", encoded=True),
            headers=[*_of_message(request.headers), (SPACE_HEADER, request.file_space)],
            data=request.body or None,
            allow_redirects=False,
        ) as answer:
            self._say(PackResponse(self.id, HttpHead(answer.status, tuple(_of_message(answer.headers.items())))))
            async for data in answer.content.iter_chunked(PART_BYTES):
                await self.window.narrow(len(data))
                self._say(PackResponse(self.id, HttpData(data)))


class _Window:
    """How much more data may be under way."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._wider = asyncio.Event()

    def widen(self, size: int) -> None:
        self._left += size
        self._wider.set()

    async def narrow(self, size: int) -> None:
        """Return once there is room for so much."""
        while self._left < size:
            self._wider.clear()
            await self._wider.wait()
        self._left -= size


def _routes(app: web.Application) -> Iterator[PackRoute]:
    for resource in app.router.resources():
        prefix = isinstance(resource, web.StaticResource)
        for route in resource:
            yield PackRoute(route.method, f"{resource.canonical}/{{path}}" if prefix else resource.canonical)


def _of_message(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    left_out = OF_CONNECTION | {SPACE_HEADER.lower()}
    return [(str(name), str(value)) for name, value in headers if name.lower() not in left_out]


def _socket_path(folder: Path) -> Path:
    path = folder / "packs.sock"
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        path = Path(tempfile.mkdtemp(prefix="silverprint-")) / "packs.sock"
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    return path
