"""The gateway as a process: settings, backends, HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from services.errors import InvalidArgument, Unavailable
from services.files.client import FileClient
from services.gateway.access.gate import Gate
from services.gateway.access.known_keys import KnownKeys
from services.gateway.app import build_app
from services.gateway.backends import Backends
from services.gateway.catalogue import catalogue_of
from services.gateway.connection import Connection
from services.gateway.descriptors import allow_descriptors
from services.gateway.documents import Documents
from services.gateway.history import History
from services.gateway.metrics import Metrics
from services.gateway.origin import Welcome
from services.gateway.own_catalogues import OwnCatalogues
from services.gateway.pack_documents import PackDocuments
from services.gateway.packs import packs_of
from services.gateway.pictures.converter import PictureConverter
from services.gateway.scraping import Scraper
from services.gateway.sockets.follower import Follower
from services.gateway.sockets.hub import Hub
from services.gateway.sockets.protocol import MAX_MESSAGE_BYTES, SocketProtocol
from services.gateway.sockets.tallies import Tallies
from services.gateway.users import Users
from services.gateway.web_ui.compressed import Compressed
from services.gateway.web_ui.folders import INSTALLED, web_ui
from services.gateway.websocket import MAX_SOCKETS
from services.monitoring.exposing import exposed
from services.queue.client import QueueClient
from services.rpc.addresses import is_loopback
from services.rpc.security import SecuritySettings
from services.settings import setting, settings
from services.tracing import Traces, tracing

log = logging.getLogger(__name__)

#: Seconds that open requests and sockets have when the gateway stops.
STOP_GRACE = 1

#: Seconds between pings; some clients give up on a socket that is silent for ten.
PING_INTERVAL = 5.0
PING_TIMEOUT = 20.0

#: Seconds for which a connection without requests is kept, ComfyUI's.
KEEP_ALIVE = 75

#: Connections that wait to be accepted.
BACKLOG = 2048

#: Files and connections that are enough for every socket that may be open, with as many requests.
MAX_DESCRIPTORS = 4 * MAX_SOCKETS


@settings
class Settings(SecuritySettings):
    """What can be set about the gateway."""

    host: str = setting(default="127.0.0.1", help="address to serve HTTP on")
    port: int = setting(default=8188, help="port to serve HTTP on, 0 for a free one")
    queue: str = setting(
        default="127.0.0.1:8190", help="address of the queue, or those of its replicas with commas between them"
    )
    files: str = setting(default="127.0.0.1:8191", help="address of the file service")
    scrape: tuple[str, ...] = setting(
        default=(),
        help="SERVICE=host:port of metrics to show beside its own, for a machine on which all run; may be repeated",
    )
    max_upload_mb: int = setting(default=100, help="longest upload, in MiB")
    allowed_hosts: str = setting(
        default="",
        help="names that it answers to beside addresses and local names, with commas between them; * for all",
    )
    allowed_origins: str = setting(
        default="", help="origins of web pages that may use it from elsewhere, with commas between them"
    )
    front_end: str = setting(
        default=INSTALLED,
        help="web UI to serve at /: auto (the one that is installed), none, or a folder with a build of it",
    )
    multi_user: bool = setting(
        default=False, help="whether users have files and settings of their own; requests name theirs themselves"
    )
    keys: bool = setting(
        default=False, help="whether requests must show a key, which says whose they are; silverprint keys makes them"
    )
    metrics_listen: str = setting(
        default="",
        help="address to serve its own Prometheus metrics on as well, which nobody needs a key for; empty for none",
    )
    insecure: bool = setting(
        default=False, help="whether to listen where others can reach it though nobody has to show a key"
    )


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        InvalidArgument: there is no such host, or a setting makes no sense.
        Unavailable: the address cannot be listened on.
    """
    allow_descriptors(MAX_DESCRIPTORS)
    async with serving(settings) as port:
        log.info("listening on %s:%d", settings.host, port)
        await stop.wait()


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[int]:
    """A gateway that serves for as long as the block lasts, on the port it yields; raises as `run` does."""
    if settings.max_upload_mb < 1:
        raise InvalidArgument("max-upload-mb must be at least 1")
    welcome = Welcome.parse(settings.allowed_hosts, settings.allowed_origins)
    if not (settings.keys or settings.insecure or is_loopback(settings.host)):
        raise InvalidArgument(
            f"on {settings.host} others can reach the gateway: have them show keys with --keys, or say --insecure"
        )
    with listening_socket(settings.host, settings.port) as listener, tracing("gateway") as traces:
        async with backends(settings, traces) as parts:
            app = build_app(parts, welcome, _gate(settings, parts.queue))
            server = HttpServer(build_server_config(app))
            with exposed(parts.metrics.registry, settings.metrics_listen):
                task = asyncio.create_task(server.serve([listener]))
                try:
                    yield listener.getsockname()[1]
                finally:
                    server.should_exit = True
                    await task


def _gate(settings: Settings, queue: QueueClient) -> list[Middleware]:
    if not settings.keys:
        return []
    return [Middleware(Gate, keys=KnownKeys(queue.api_keys.authenticate))]


@contextlib.asynccontextmanager
async def backends(settings: Settings, traces: Traces | None = None) -> AsyncIterator[Backends]:
    """The clients of the other services, and what follows the queue."""
    metrics = Metrics()
    scraper = Scraper(settings.scrape)
    security = settings.security
    async with (
        contextlib.aclosing(scraper),
        QueueClient(settings.queue, security) as queue,
        FileClient(settings.files, security) as files,
        PictureConverter() as pictures,
    ):
        tallies = Tallies(lambda user: _remaining(queue, user)) if settings.keys else None
        hub = Hub(metrics.dropped, tallies)
        documents = Documents(files)
        packs, catalogue = packs_of(queue), catalogue_of(queue)
        follower = Follower(queue, hub, metrics.told)
        metrics.watch(hub, follower)
        chores = [asyncio.create_task(follower.run())]
        if tallies is not None:
            chores.append(asyncio.create_task(tallies.run()))
        try:
            yield Backends(
                queue=queue,
                files=files,
                hub=hub,
                history=History(),
                catalogue=catalogue,
                own_catalogues=OwnCatalogues(catalogue),
                packs=packs,
                pack_documents=PackDocuments(files, packs),
                documents=documents,
                users=Users(documents, settings.multi_user),
                asks_for_keys=settings.keys,
                metrics=metrics,
                scraper=scraper,
                traces=traces,
                pictures=pictures,
                web_ui=web_ui(settings.front_end),
                compressed=Compressed(),
                max_upload_bytes=settings.max_upload_mb << 20,
            )
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)


async def _remaining(queue: QueueClient, user: str) -> int:
    stats = await queue.of(user).stats()
    return stats.pending + stats.running


@contextlib.contextmanager
def listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket, closed in the end.

    Raises:
        InvalidArgument: there is no such host or port.
        Unavailable: the address is taken or not ours.
    """
    if not 0 <= port <= 65535:
        raise InvalidArgument(f"cannot listen on {host}:{port}: there is no such port")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise InvalidArgument(f"cannot listen on {host}:{port}: no such address") from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            raise Unavailable(f"cannot listen on {host}:{port}: the address is taken or not ours") from error
        yield listener


def build_server_config(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn is to serve: within our loop, with our logging, without per-message compression."""
    return uvicorn.Config(
        app,
        loop="none",
        http=Connection,
        ws=SocketProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=PING_TIMEOUT,
        # Previews are compressed pictures: deflating one again costs 25 times its sending.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=STOP_GRACE,
    )


class HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield
