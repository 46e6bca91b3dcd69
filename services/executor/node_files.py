"""The file service as nodes see it: blocking calls, local copies."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import IO, Any, Self, TypeVar

from services.errors import DataLoss, InvalidArgument, NotFound, Unavailable
from services.executor.engine.context import raise_if_interrupted
from services.files.client import FileClient
from services.files.records import FileInfo, FileKind, FileName, OnConflict
from services.rpc.security import NONE, Security

T = TypeVar("T")

#: Bytes per message to the file service.
CHUNK_BYTES = 512 << 10

#: Bytes of local copies; the ones used longest ago go first.
CACHE_BYTES = 2 << 30

#: Bytes from which on asking where a file lies is quicker than copying it.
LARGE_BYTES = 4 << 20

#: Seconds that a node waits for a file service that is away, before it fails.
OUTAGE_PATIENCE = 30.0
#: Seconds between tries.
RETRY_INTERVAL = 0.2
#: Files whose digests are remembered after they were saved.
REMEMBERED_FILES = 4096

#: Seconds between looks at whether the run was asked to stop.
LOOK_INTERVAL = 0.1


class RemoteFiles:
    """Implements `services.executor.engine.context.NodeFiles` over gRPC, for any thread.

    Copies are kept in `cache` under the digest of their content, so that they never go stale.
    """

    def __init__(
        self,
        target: str,
        cache: Path,
        *,
        cache_bytes: int = CACHE_BYTES,
        outage_patience: float = OUTAGE_PATIENCE,
        security: Security = NONE,
    ) -> None:
        self._owner = ""
        self._cache = cache
        self._cache_bytes = cache_bytes
        self._outage_patience = outage_patience
        self._saved: OrderedDict[FileName, FileInfo] = OrderedDict()
        cache.mkdir(parents=True, exist_ok=True)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="files", daemon=True)
        self._thread.start()
        self._client = self._wait(lambda: _open(target, security))

    def within(self, user: str, owner: str = "") -> Self:
        """The same files as seen within the space of a user, everybody's for no user.

        Args:
            owner: whose quota counts what is written.
        """
        inside = copy.copy(self)
        inside._owner = owner
        inside._client = self._client.within(user)
        return inside

    def close(self) -> None:
        """End the connection and its thread."""
        self._wait(lambda: self._client.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def fetch(self, name: FileName) -> Path:
        """Where the content is on this host, not to be changed: a large file where it lies, if it is seen there.

        Raises:
            NotFound: there is no such file.
            InvalidArgument: this is not a name.
        """
        info = self._wait(lambda: self._client.stat(name, digest=True))
        if info.size >= LARGE_BYTES and (seen := self._seen(info)):
            return seen
        return self._kept(info)

    def copy(self, name: FileName) -> Path:
        """A local copy in a place of its own for every content; raises as `fetch`."""
        return self._kept(self._wait(lambda: self._client.stat(name, digest=True)))

    def stat_digest(self, name: FileName) -> str:
        """The BLAKE3 of the content; raises as `fetch`."""
        digest = self._wait(lambda: self._client.stat(name, digest=True)).blake3
        assert digest is not None
        return digest

    def exists(self, name: FileName) -> bool:
        """Whether there is such a file."""
        try:
            self._wait(lambda: self._client.stat(name))
        except (NotFound, InvalidArgument):
            return False
        return True

    def save(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, data: bytes) -> FileName:
        """Write a new file `PREFIX_00001_.EXTENSION`, numbered after those that are there.

        Raises:
            InvalidArgument: this cannot be a name.
            ResourceExhausted: the disk is full.
        """
        prefix = FileName(kind, subfolder, filename_prefix)
        numbered = OnConflict.NUMBER
        return self._remembered(
            self._wait(
                lambda: self._client.put(prefix, data, numbered, numbered_extension=extension, owner=self._owner)
            )
        )

    def save_file(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, source: Path) -> FileName:
        """As `save`, with the content of a local file, which need not fit into memory."""
        prefix = FileName(kind, subfolder, filename_prefix)
        numbered = OnConflict.NUMBER
        return self._remembered(
            self._wait(
                lambda: self._client.write(
                    prefix, _content(source), numbered, numbered_extension=extension, owner=self._owner
                )
            )
        )

    def put(self, name: FileName, source: Path, on_conflict: OnConflict) -> None:
        """Send a file under a name.

        Raises:
            AlreadyExists: there is one of that name, and that is not wanted.
            InvalidArgument: this cannot be a name.
            ResourceExhausted: the disk is full.
        """
        self._remembered(self._wait(lambda: self._client.write(name, _content(source), on_conflict, owner=self._owner)))

    def saved(self, name: FileName) -> FileInfo | None:
        """A file that was saved by way of this, as it was then; None for all but the latest ones."""
        return self._saved.get(self._client.space.placed(name))

    def _remembered(self, info: FileInfo) -> FileName:
        self._saved[self._client.space.placed(info.name)] = info
        if len(self._saved) > REMEMBERED_FILES:
            self._saved.popitem(last=False)
        return info.name

    def list_folder(self, kind: FileKind, subfolder: str) -> list[str]:
        """The names of the files in a folder, without those in folders in it; none when there is no such folder."""
        try:
            return _filenames(self._wait(lambda: self._list(kind, subfolder)))
        except NotFound:
            return []

    def list_tree(self, kind: FileKind, subfolder: str) -> list[FileInfo]:
        """The files in a folder and in those below it; none when there is no such folder."""
        try:
            return self._wait(lambda: self._list(kind, subfolder, recursive=True))
        except NotFound:
            return []

    def delete(self, name: FileName) -> None:
        """Remove a file; it may be gone already.

        Raises:
            InvalidArgument: this is not a name, or one of a kind that is only read.
        """
        with contextlib.suppress(NotFound):
            self._wait(lambda: self._client.delete(name))

    def list_top(self, kind: FileKind) -> list[str]:
        """The names of the files at the top of a kind's folder.

        Raises:
            Unavailable: the file service is away; whoever looks regularly need not wait for it.
        """
        return _filenames(asyncio.run_coroutine_threadsafe(self._list(kind, ""), self._loop).result())

    def list_below(self, kind: FileKind, subfolder: str) -> list[str]:
        """The paths of the files in a folder and in folders in it, relative to the kind's folder; raises as `list_top`.

        There are none when there is no such folder.
        """
        work = self._list(kind, subfolder, recursive=True)
        try:
            found = asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except NotFound:
            return []
        return [file.name.path for file in found]

    def list_folders(self, kind: FileKind) -> list[str]:
        """The folders at the top of a kind's folder; raises as `list_top`."""
        return list(asyncio.run_coroutine_threadsafe(self._client.list_folders(kind), self._loop).result())

    async def _list(self, kind: FileKind, subfolder: str, *, recursive: bool = False) -> list[FileInfo]:
        return [info async for info in self._client.walk(kind, subfolder, recursive=recursive)]

    def _seen(self, info: FileInfo) -> Path | None:
        """A file where it lies, when this process sees it there as it was described."""
        location = self._wait(lambda: self._client.locate(info.name))
        if location is None or (location.size, location.modified_ns // 1000) != (
            info.size,
            round(info.modified_at * 1_000_000),
        ):
            return None
        return location.seen_from_here()

    def _kept(self, info: FileInfo) -> Path:
        assert info.blake3 is not None
        path = self._cache / info.blake3
        if path.exists():
            os.utime(path)
            return path
        self._make_room(info.size)
        self._download(info.blake3, info.size, path)
        return path

    def _download(self, digest: str, size: int, path: Path) -> None:
        with tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as copy:
            try:
                self._wait(lambda: self._receive(digest, copy))
                if copy.tell() != size:
                    raise DataLoss(f"{copy.tell()} of {size} bytes arrived")
                copy.flush()
                os.replace(copy.name, path)
            except BaseException:
                os.unlink(copy.name)
                raise

    async def _receive(self, digest: str, copy: IO[bytes]) -> None:
        copy.seek(0)
        copy.truncate()
        async with self._client.open(digest) as source:
            async for chunk in source:
                copy.write(chunk)

    def _make_room(self, wanted: int) -> None:
        """Delete what was used longest ago until `wanted` more bytes fit."""
        entries = [entry for entry in os.scandir(self._cache) if not entry.name.startswith(tempfile.gettempprefix())]
        copies = sorted((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path) for entry in entries)
        excess = sum(size for _, size, _ in copies) + wanted - self._cache_bytes
        for _, size, path in copies:
            if excess <= 0:
                return
            os.unlink(path)
            excess -= size

    def ask(
        self, question: Callable[[FileClient], Coroutine[Any, Any, T]], meanwhile: Callable[[], None] | None = None
    ) -> T:
        """The answer of the file service to a question, asked again while it is away for a while.

        Args:
            question: may be asked several times.
            meanwhile: called again and again until there is an answer; when it raises, nobody waits for one any more.

        Raises:
            Interrupted: the run that wants it was asked to stop.
        """
        return self._wait(lambda: question(self._client), meanwhile)

    def ask_once(self, question: Callable[[FileClient], Coroutine[Any, Any, T]]) -> T:
        """The same for whoever asks regularly: raises `Unavailable` when the file service is away."""
        return asyncio.run_coroutine_threadsafe(question(self._client), self._loop).result()

    def _wait(self, work: Callable[[], Coroutine[Any, Any, T]], meanwhile: Callable[[], None] | None = None) -> T:
        """The result of `work`.

        Raises:
            Interrupted: the run that wants it was asked to stop.
        """
        result = asyncio.run_coroutine_threadsafe(self._persistently(work), self._loop)
        while True:
            try:
                return result.result(LOOK_INTERVAL)
            except TimeoutError:
                if result.done():  # it is what the work raised
                    raise
            try:
                raise_if_interrupted()
                if meanwhile:
                    meanwhile()
            except BaseException:
                result.cancel()
                raise

    async def _persistently(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of `work`, tried again while the file service is away for a while, as when it is upgraded."""
        deadline = self._loop.time() + self._outage_patience
        while True:
            try:
                return await work()
            except Unavailable:
                if self._loop.time() > deadline:
                    raise
                await asyncio.sleep(RETRY_INTERVAL)


def _filenames(files: list[FileInfo]) -> list[str]:
    return [info.name.filename for info in files]


async def _open(target: str, security: Security) -> FileClient:
    """Channels belong to the loop that they are made in."""
    return FileClient(target, security)


async def _content(source: Path) -> AsyncIterator[bytes]:
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
