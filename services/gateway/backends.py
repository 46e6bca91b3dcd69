"""What the routes work with."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from services.files.client import FileClient
from services.gateway.catalogue import Catalogue
from services.gateway.documents import Documents
from services.gateway.history import History
from services.gateway.metrics import Metrics
from services.gateway.momentary import Momentary
from services.gateway.own_catalogues import OwnCatalogues
from services.gateway.pack_documents import PackDocuments
from services.gateway.packs import KnownPacks
from services.gateway.pictures.converter import PictureConverter
from services.gateway.scraping import Scraper
from services.gateway.sockets.hub import Hub
from services.gateway.users import Users
from services.gateway.web_ui.compressed import Compressed
from services.gateway.web_ui.folders import WebUi
from services.queue.client import QueueClient
from services.tracing import Traces


@dataclass(frozen=True)
class Backends:
    """The services behind the gateway, and what it keeps in memory."""

    queue: QueueClient
    files: FileClient
    hub: Hub
    history: History
    catalogue: Momentary[Catalogue]
    own_catalogues: OwnCatalogues
    packs: Momentary[KnownPacks]
    pack_documents: PackDocuments
    documents: Documents
    users: Users
    #: whether requests show a key, but for a few that anybody may make
    asks_for_keys: bool
    metrics: Metrics
    scraper: Scraper
    #: None where nobody takes them
    traces: Traces | None
    pictures: PictureConverter
    web_ui: WebUi
    compressed: Compressed
    #: the longest upload
    max_upload_bytes: int

    def queue_of(self, connection: HTTPConnection) -> QueueClient:
        """The queue as whoever sent a request sees it: with their own prompts alone, where there are keys."""
        return self.queue.of(self.users.alone(connection))

    def files_of(self, connection: HTTPConnection) -> FileClient:
        """The files as whoever sent a request sees them: within their own space, where there are keys."""
        return self.files.within(self.users.space(connection))

    async def catalogue_of(self, connection: HTTPConnection) -> Catalogue:
        """The node classes, with the files to choose from that whoever sent a request sees.

        Raises:
            Unavailable: no executor has told yet which node classes exist.
        """
        return await self.own_catalogues.of(self.users.alone(connection), self.files_of(connection))
