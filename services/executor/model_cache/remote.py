"""The models of the file service, as loaders know them: names, and paths on this host."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from services.errors import Aborted, NotFound, ServiceError
from services.executor.engine.context import raise_if_interrupted, report_progress, report_text
from services.executor.model_cache.cache import ModelCache
from services.executor.model_cache.download import Download
from services.executor.node_files import RemoteFiles
from services.files.client import FileClient
from services.files.models.kinds import ALIASES
from services.files.models.records import Inventory, Model

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Bytes in a unit of progress.
UNIT = 1_000_000

#: Seconds between reports of how far a download is.
REPORT_INTERVAL = 0.5


class RemoteModels:
    """Implements `services.executor.model_folders.ModelsElsewhere` over gRPC and a cache on this host."""

    def __init__(self, files: RemoteFiles, cache: ModelCache) -> None:
        self._files = files
        self._cache = cache
        self._inventory = Inventory("", {})
        self._looked = False
        self._looking = threading.Lock()

    def names(self, folder: str) -> Sequence[str]:
        """The models of a kind, as of the latest refresh."""
        if not self._looked:
            self.refresh()
        return self._inventory.names.get(ALIASES.get(folder, folder), ())

    def refresh(self) -> None:
        """Look again at what there is, and let go of what is not used; when the file service is away all stays."""
        with self._looking:
            self._looked = True
            self._cache.release_unused()
            try:
                found = self._files.ask_once(lambda client: client.models.inventory(self._inventory.version))
            except ServiceError as error:
                log.warning("cannot look for models of the file service: %s", error)
                return
            if found is not None:
                self._inventory = found

    def fetch(self, folder: str, name: str) -> Path:
        """Where a model lies on this host; it is brought here first if it has to be.

        The node that waits tells how far that is, and can be interrupted.

        Raises:
            NotFound: there is no such model.
            InvalidArgument: this is no name of a model.
            ResourceExhausted: there is no room for it.
            DataLoss: what came was damaged.
            Unavailable: the file service is gone.
        """
        folder = ALIASES.get(folder, folder)
        try:
            return self._fetch_once(folder, name)
        except Aborted:
            return self._fetch_once(folder, name)  # it was replaced meanwhile

    def _fetch_once(self, folder: str, name: str) -> Path:
        model = self._ask(lambda client: client.models.get(folder, name))
        location = self._ask(lambda client: client.locate(model.info.name))
        seen = location.seen_from_here() if location else None
        if seen:
            return seen
        report = _Report(model)
        if model.info.blake3 is None:
            report.say("the file service computes its digest")
            model = self._ask(lambda client: client.models.get(folder, name, digest=True))
        assert model.info.blake3 is not None
        began = time.monotonic()
        filename = model.info.name.filename
        path = self._cache.get(model.info.blake3, model.info.size, filename, self._bring, report.progress)
        if report.has_said_something:
            log.info("%s/%s (%d bytes) came in %.1f s", folder, name, model.info.size, time.monotonic() - began)
            report.end()
        return path

    def _bring(self, download: Download, report: Callable[[int], None]) -> None:
        try:
            self._files.ask(download.run, meanwhile=lambda: report(download.done))
        except NotFound as error:
            raise Aborted(error.message) from error
        report(download.done)

    def _ask(self, question: Callable[[FileClient], Coroutine[Any, Any, T]]) -> T:
        return self._files.ask(question)


class _Report:
    """What the node that waits for a model says about it."""

    def __init__(self, model: Model) -> None:
        self._name = model.name
        self._size = model.info.size
        self._next = 0.0
        self.has_said_something = False

    def say(self, what: str) -> None:
        """Show what is being done."""
        self.has_said_something = True
        report_text(f"{self._name}: {what}")

    def progress(self, done: int) -> None:
        """Show how much is here; raises `Interrupted` when the run was asked to stop."""
        raise_if_interrupted()
        now = time.monotonic()
        if now < self._next and done < self._size:
            return
        self._next = now + REPORT_INTERVAL
        self.say(f"downloading, {done / 1e9:.2f} of {self._size / 1e9:.2f} GB")
        report_progress(done // UNIT, -(-self._size // UNIT))

    def end(self) -> None:
        """Show nothing any more."""
        report_text("")
