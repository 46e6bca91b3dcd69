"""Digests of models, found while nothing runs: hashing gigabytes must never keep a prompt waiting."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
from blake3 import blake3

from services.errors import ServiceError
from services.executor.node_files import RemoteFiles
from services.files.records import FileInfo
from services.queue.provenance import UsedModel

log = logging.getLogger(__name__)

#: Bytes that are hashed at once; a prompt that comes waits for no more than these.
CHUNK_BYTES = 4 << 20

#: Asks the file service for what it knows of a model.
Ask = Callable[[str, str], FileInfo | None]


class _Version(msgspec.Struct, frozen=True, array_like=True):
    """A file as it is now."""

    path: str
    size: int
    changed_ns: int


_saved = msgspec.json.Decoder(list[tuple[_Version, str]])


class ModelDigests:
    """Describes models, with their digests once those are known: the file service's, or ones of our own."""

    def __init__(self, ask: Ask, file: Path | None = None) -> None:
        """`file` is where digests are kept between the lives of workers."""
        self._ask = ask
        self._file = file
        self._known: dict[_Version, str] = {}
        self._wanted: queue.SimpleQueue[tuple[str, str, _Version]] = queue.SimpleQueue()
        self._asked: set[_Version] = set()
        self._idle = threading.Event()
        self._idle.set()

    def start(self) -> None:
        """Begin to find digests."""
        if self._file is not None:
            with suppress(OSError, msgspec.MsgspecError):
                self._known |= dict(_saved.decode(self._file.read_bytes()))
        threading.Thread(target=self._work, name="digests", daemon=True).start()

    def pause(self) -> None:
        """A prompt runs."""
        self._idle.clear()

    def resume(self) -> None:
        """Nothing runs."""
        self._idle.set()

    def describe(self, folder: str, name: str, path: Path) -> UsedModel | None:
        """A model with its digest, if that is known, which it will be later otherwise; None if it is gone."""
        version = _version(path)
        if version is None:
            return None
        if version not in self._known and version not in self._asked:
            self._asked.add(version)
            self._wanted.put((folder, name, version))
        return UsedModel(
            folder=folder,
            name=name,
            size=version.size,
            modified_at=version.changed_ns / 1e9,
            blake3=self._known.get(version, ""),
        )

    def _work(self) -> None:
        while True:
            folder, name, version = self._wanted.get()
            self._idle.wait()
            try:
                digest = self._told(folder, name, version) or self._hashed(version)
            except OSError as error:
                log.warning("the digest of %s/%s cannot be found: %s", folder, name, error.strerror)
                digest = ""
            if digest:
                self._known[version] = digest
                self._save()
            else:
                self._asked.discard(version)

    def _told(self, folder: str, name: str, version: _Version) -> str:
        """The digest that the file service knows of this very file."""
        with suppress(ServiceError):
            info = self._ask(folder, name)
            if info and info.size == version.size and abs(info.modified_at - version.changed_ns / 1e9) < 1e-5:
                return info.blake3 or ""
        return ""

    def _hashed(self, version: _Version) -> str:
        """The digest of a file's content; empty if it changed meanwhile."""
        hasher = blake3()
        with open(version.path, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                hasher.update(chunk)
                self._idle.wait()
        return hasher.hexdigest() if _version(Path(version.path)) == version else ""

    def _save(self) -> None:
        if self._file is None:
            return
        current = (entry for entry in self._known.items() if _version(Path(entry[0].path)) == entry[0])
        fresh = self._file.with_suffix(f".{os.getpid()}")
        try:
            fresh.write_bytes(msgspec.json.encode(list(current)))
            fresh.replace(self._file)
        except OSError as error:
            log.warning("digests of models cannot be kept: %s", error.strerror)


def known_to(files: RemoteFiles) -> Ask:
    """Asks this file service, which hashes nothing for it."""

    def ask(folder: str, name: str) -> FileInfo | None:
        return files.ask_once(lambda client: client.models.get(folder, name)).info

    return ask


def _version(path: Path) -> _Version | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return _Version(str(path), status.st_size, status.st_mtime_ns)
