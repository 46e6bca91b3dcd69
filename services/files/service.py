"""The file service as a process: settings, store, server."""

from __future__ import annotations

import asyncio
import logging

from services.files.models.stored import StoredModels
from services.files.servicer import file_servicer
from services.files.stores.opening import StoreSettings, store_of
from services.rpc.server import serve
from services.settings import setting, settings

log = logging.getLogger(__name__)


@settings
class Settings(StoreSettings):
    """What can be set about the file service."""

    listen: str = setting(default="127.0.0.1:8191", help="address to serve gRPC on, port 0 for a free one")
    allow_pickles: bool = setting(
        default=False, help="take uploads of pickled models (.ckpt, .pt, .pth, .bin), a format that can hold code"
    )


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        InvalidArgument: a directory cannot be read, or the settings do not go together.
        FailedPrecondition: another file service uses the data directory, or the bucket cannot be used.
        Unavailable: the address cannot be listened on, or the object store or the database does not answer.
    """
    async with (
        store_of(settings) as store,
        serve(
            settings.listen, [file_servicer(store, StoredModels(store, allow_pickles=settings.allow_pickles))]
        ) as server,
    ):
        log.info("listening on %s", server.address)
        await stop.wait()
