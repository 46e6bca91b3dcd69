"""The file service as a process: settings, store, server."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

from services.files.assets.stored import StoredAssets
from services.files.assets.stores.opening import asset_database
from services.files.metrics import FileMetrics
from services.files.models.stored import StoredModels
from services.files.retention.collector import Collector
from services.files.servicer import file_servicer
from services.files.stores.opening import StoreSettings, shared_names, store_of
from services.monitoring.disk import DiskCollector
from services.monitoring.exposing import exposed
from services.monitoring.registry import new_registry
from services.rpc.security import INSECURE, SecuritySettings
from services.rpc.server import serve
from services.settings import setting, settings

log = logging.getLogger(__name__)


@settings
class Settings(StoreSettings, SecuritySettings):
    """What can be set about the file service."""

    listen: str = setting(default="127.0.0.1:8191", help="address to serve gRPC on, port 0 for a free one")
    metrics_listen: str = setting(
        default="127.0.0.1:9191", help="address to serve Prometheus metrics on, port 0 for a free one, empty for none"
    )
    insecure: bool = setting(default=False, help=INSECURE)
    allow_pickles: bool = setting(
        default=False, help="take uploads of pickled models (.ckpt, .pt, .pth, .bin), a format that can hold code"
    )
    assets: str = setting(
        default="",
        help="where assets are kept: a file of SQLite, or postgresql://user@host/name for several services; empty for"
        " where names are, if that is PostgreSQL, or assets.sqlite3 in the data directory",
    )
    gc_hours: float = setting(default=1.0, help="hours between collections of garbage, 0 for none unless asked")


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        InvalidArgument: a directory or the database of assets cannot be read, or the settings do not go together.
        FailedPrecondition: another file service uses the data directory or the database, or the bucket cannot be used.
        Unavailable: the address cannot be listened on, or the object store or a database does not answer.
    """
    security = settings.security
    security.check_listening(settings.listen, insecure=settings.insecure)
    registry = new_registry("files")
    registry.register(DiskCollector("files", settings.data))
    metrics = FileMetrics(registry)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(store_of(settings))
        database = asset_database(settings.assets or shared_names(settings), settings.data)
        assets = await stack.enter_async_context(StoredAssets(store, database))
        models = StoredModels(store, allow_pickles=settings.allow_pickles)
        collector = Collector(store, settings.retention, assets.referenced, removed=metrics.removed)
        await stack.enter_async_context(collector.regularly(settings.gc_hours * 3600))
        await stack.enter_async_context(metrics.counting(store))
        stack.enter_context(exposed(registry, settings.metrics_listen))
        servicer = file_servicer(store, models, assets, collector)
        server = await stack.enter_async_context(serve(settings.listen, [servicer], registry, security))
        log.info("listening on %s", server.address)
        await stop.wait()
