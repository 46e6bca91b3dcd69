"""Files in a directory that people may browse and drop files into."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from services.errors import AlreadyExists, DataLoss, NotFound
from services.files import names
from services.files.chunks import CHUNK_BYTES, rechunked
from services.files.locations import FileLocation
from services.files.models.records import ExtraFolder
from services.files.records import FileInfo, FileKind, FileName, OnConflict, Target, Upload
from services.files.retention.records import KEEP_LONG, Garbage, References, Retention, no_references
from services.files.stores import base, paging, placing
from services.files.stores.data_folder import DataFolder, readable_extra_folders, readable_folders
from services.files.stores.digest_index import DigestIndex, Version
from services.files.stores.digests import Digests
from services.files.stores.disk_errors import disk_errors
from services.files.stores.disk_upkeep import DiskUpkeep
from services.files.stores.keeping import KeepingStore
from services.files.stores.open_file import OpenFile
from services.files.stores.owners import Owners
from services.files.stores.places import Place
from services.files.stores.reading import Reading
from services.files.stores.shelf import Shelves, file_info, outlives_power
from services.files.stores.spool import Spool
from services.files.stores.tree import Tree
from services.files.stores.uploads import SWEEP_INTERVAL, Uploads

P = ParamSpec("P")
T = TypeVar("T")

#: Files that are read or written at the same moment; more wait.
WORKERS = 8

#: Files that are hashed at the same moment; apart from the others, since a checkpoint takes many seconds.
HASHERS = 2


class DiskStore(KeepingStore):
    """A folder per kind below a data directory, and any number of model folders.

    Names are what the file system says: files put there by hand are seen at once. Digests are remembered in an
    index that may be lost. One process uses a data directory at a time.
    """

    def __init__(
        self,
        data: Path,
        models: tuple[Path, ...] = (),
        extra_models: Sequence[ExtraFolder] = (),
        *,
        retention: Retention = KEEP_LONG,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """A store that opens with `async with`; entering raises as `DataFolder.open` does.

        Args:
            models: directories with a folder per kind of model.
            extra_models: more directories, of one kind each.
            retention: how long what has no name is kept.
        """
        self._data = data
        self._retention = retention
        self._clock = clock
        self._models = models
        self._extra_models = extra_models
        self._workers = ThreadPoolExecutor(WORKERS, "files")
        self._hashers = ThreadPoolExecutor(HASHERS, "digests")
        self._hashing: dict[FileName, asyncio.Future[tuple[Version, str]]] = {}
        self._counters = placing.Counters()

    async def __aenter__(self) -> Self:
        await self._in_thread(self._open)
        self._sweeping = asyncio.create_task(self._sweep_regularly())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sweeping.cancel()
        await asyncio.to_thread(self._close)

    async def write(
        self,
        name: FileName,
        chunks: AsyncIterable[bytes],
        on_conflict: OnConflict,
        *,
        numbered_extension: str = "",
        expected_blake3: str | None = None,
        expected_size: int | None = None,
        replaced_blake3: str | None = None,
        owner: str = "",
    ) -> FileInfo:
        base.check_target(name, on_conflict, numbered_extension, replaced_blake3)
        target = Target(name, on_conflict, numbered_extension, expected_blake3, expected_size, replaced_blake3, owner)
        return await self._write(target, chunks, Spool(str(self._folder.incoming)))

    async def write_model(self, target: Target, chunks: AsyncIterable[bytes]) -> FileInfo:
        base.check_model(target)
        # Models may lie on another file system than everything else, whence no file could be moved there.
        return await self._write(target, chunks, Spool(await self._in_thread(self._tree.incoming, target.name)))

    async def _write(self, target: Target, chunks: AsyncIterable[bytes], spool: Spool) -> FileInfo:
        name = target.name
        if target.on_conflict is OnConflict.FAIL:
            await self._in_thread(self._refuse_taken, name)

        def commit(last: bytes) -> FileInfo:
            with disk_errors(name):
                try:
                    digest = spool.finish(last, durable=outlives_power(name))
                    base.check_content(spool.size, digest, target.expected_size, target.expected_blake3)
                    return self._shelves.shelf(spool, digest).place(target, self._counters)
                finally:
                    spool.discard()

        try:
            return await self._in_thread(commit, await self._receive(name, spool, chunks, target.expected_size))
        finally:
            if not spool.is_over:
                await self._cleaned_up(spool.discard)

    async def begin_upload(self, target: Target) -> Upload:
        base.check_upload(target)
        if target.on_conflict is OnConflict.FAIL:
            await self._in_thread(self._refuse_taken, target.name)
        return await self._in_thread(self._uploads.begin, target)

    async def append_upload(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        uploads = self._uploads
        turn = await self._in_thread(uploads.take_over, upload_id, offset)
        writing: asyncio.Future[None] | None = None
        try:
            async for chunk in chunks:
                if writing:
                    await writing
                writing = self._in_thread(uploads.append, upload_id, turn, chunk)
        finally:
            if writing:
                await asyncio.wait([writing])
        if writing:
            await writing
        return await self._in_thread(uploads.sync, upload_id, turn)

    async def get_upload(self, upload_id: str) -> Upload:
        return await self._in_thread(self._uploads.describe, upload_id)

    async def commit_upload(self, upload_id: str, size: int, *, blake3: str | None = None) -> FileInfo:
        if blake3 is not None:
            base.check_digest(blake3)
        return await self._in_thread(self._uploads.commit, upload_id, size, blake3)

    async def abort_upload(self, upload_id: str) -> None:
        await self._in_thread(self._uploads.abort, upload_id)

    @asynccontextmanager
    async def open(self, source: FileName | str, *, offset: int = 0, length: int = 0) -> AsyncIterator[OpenFile]:
        info, reading = await self._in_thread(self._start_reading, source)
        try:
            start, end = base.part_to_read(info.size, offset, length)
            async with aclosing(self._chunks(info.name, reading, start, end)) as chunks:
                yield OpenFile(info, chunks)
        finally:
            await self._cleaned_up(reading.close)

    async def stat(self, name: FileName, *, digest: bool = False) -> FileInfo:
        info = await self._in_thread(self._shelves.describe, name)
        if info.blake3 or not digest:
            return info
        return file_info(name, *await self._hash(name))

    async def locate(self, name: FileName) -> FileLocation | None:
        return FileLocation.of(*await self._in_thread(self._tree.find, name))

    async def list(
        self,
        kind: FileKind,
        subfolder: str = "",
        *,
        recursive: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> base.FilePage:
        names.validate_subfolder(subfolder)
        limit = paging.page_limit(page_size)

        def page() -> base.FilePage:
            with disk_errors(f"{kind.value}/{subfolder}"):
                return self._page(kind, subfolder, recursive, limit, page_token)

        return await self._in_thread(page)

    async def list_folders(self, kind: FileKind, subfolder: str = "") -> Sequence[str]:
        names.validate_subfolder(subfolder)

        def folders() -> list[str]:
            with disk_errors(f"{kind.value}/{subfolder}"):
                return self._tree.folders(kind, subfolder)

        return await self._in_thread(folders)

    async def delete(self, name: FileName) -> None:
        base.check_writable(name.kind)

        def remove() -> None:
            with self._shelves.changing:
                self._tree.remove(name)
            self._shelves.forget(name)

        await self._in_thread(remove)

    async def move(self, source: FileName, target: FileName, on_conflict: OnConflict) -> FileInfo:
        base.check_move(source, target, on_conflict)

        def rename() -> FileInfo:
            before = self._shelves.describe(source)
            with self._shelves.changing:
                self._tree.move(source, target, replace=on_conflict is OnConflict.OVERWRITE)
            _, status = self._tree.find(target)
            if source != target:
                self._shelves.owners.move(source, target)
            if source != target and before.blake3:
                self._digests.forget(source)
                self._digests.remember(target, Version.of(status), before.blake3)
            return self._shelves.describe(target)

        return await self._in_thread(rename)

    async def copy(
        self,
        source: FileName | str,
        target: FileName,
        on_conflict: OnConflict,
        *,
        numbered_extension: str = "",
        owner: str = "",
    ) -> FileInfo:
        base.check_target(target, on_conflict, numbered_extension)
        wanted = Target(target, on_conflict, numbered_extension, owner=owner)

        def duplicate() -> FileInfo:
            info, reading = self._start_reading(source)
            spool = Spool(str(self._folder.incoming))
            try:
                with disk_errors(target):
                    spool.copy(reading, durable=outlives_power(target))
                    digest = info.blake3 or self._digests.of(info.name)[1]
                    return self._shelves.shelf(spool, digest).place(wanted, self._counters)
            finally:
                reading.close()
                spool.discard()

        return await asyncio.get_running_loop().run_in_executor(self._hashers, duplicate)

    async def expire(self, name: FileName, before: float) -> None:
        await self._in_thread(self._upkeep.expire, name, before)

    async def sweep(self, references: References = no_references, *, dry_run: bool = False) -> AsyncIterator[Garbage]:
        await self._in_thread(self._uploads.sweep)
        garbage = self._upkeep.garbage(dry_run)
        while (found := await self._in_thread(next, garbage, None)) is not None:
            yield found

    async def usage(self, owner: str, *, without: FileName | None = None) -> int:
        return await self._in_thread(self._shelves.owners.usage, owner, without)

    async def target_of(self, upload_id: str) -> Target:
        return await self._in_thread(self._uploads.target, upload_id)

    def _open(self) -> None:
        models = [Place.of(folder, is_open=True) for folder in readable_folders(self._models)]
        extra = readable_extra_folders(self._extra_models)
        first, others = (
            [Place.of(it.path, it.folder, is_open=True) for it in extra if it.is_default is is_first]
            for is_first in (True, False)
        )
        self._folder = DataFolder.open(self._data)
        places = {kind: [Place.of(str(self._folder.folder(kind)))] for kind in FileKind if not kind.is_read_only}
        self._tree = Tree({**places, FileKind.MODELS: [*first, *models, *others]})
        self._index = DigestIndex(self._folder.index)
        self._digests = Digests(self._tree, self._index)
        self._shelves = Shelves(self._tree, self._digests, Owners(self._index))
        self._uploads = Uploads(self._folder.uploads, self._folder.committed, self._shelves, self._counters)
        self._upkeep = DiskUpkeep(self._folder.incoming, self._shelves, self._index, self._retention.grace, self._clock)

    def _close(self) -> None:
        self._workers.shutdown()
        self._hashers.shutdown()
        self._index.close()
        self._folder.close()

    async def _sweep_regularly(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            await self._in_thread(self._uploads.sweep)

    def _in_thread(self, blocking: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        call = partial(blocking, *args, **kwargs)
        return asyncio.get_running_loop().run_in_executor(self._workers, call)

    async def _cleaned_up(self, blocking: Callable[[], None]) -> None:
        """Clean up to the end, even when the caller is cancelled meanwhile or the store is closed already."""
        try:
            cleaning = self._in_thread(blocking)
        except RuntimeError:
            blocking()
        else:
            await asyncio.shield(cleaning)

    async def _receive(
        self, name: FileName, spool: Spool, chunks: AsyncIterable[bytes], expected_size: int | None
    ) -> bytes:
        """Spool all chunks but the last, which is the answer: a small file takes one trip to a thread."""

        def append(chunk: bytes) -> None:
            with disk_errors(name):
                spool.append(chunk)

        size = 0
        last = b""
        writing: asyncio.Future[None] | None = None
        async for chunk in rechunked(chunks):
            size += len(chunk)
            if expected_size is not None and size > expected_size:
                raise DataLoss(f"more than the {expected_size} promised bytes came")
            if writing:
                await writing
            writing = self._in_thread(append, last) if last else None
            last = chunk
        if writing:
            await writing
        return last

    def _refuse_taken(self, name: FileName) -> None:
        """Before a whole content is sent for nothing."""
        try:
            self._tree.find(name)
        except NotFound:
            return
        raise AlreadyExists(f"{name} exists")

    def _start_reading(self, source: FileName | str) -> tuple[FileInfo, Reading]:
        if isinstance(source, FileName):
            name, reading = source, Reading(source, self._tree.open(source))
        else:
            base.check_digest(source)
            found = self._digests.open(source)
            if found is None:
                raise NotFound(f"there is no content with the digest {source}")
            name, reading = found
        return self._info(name, reading.version), reading

    async def _chunks(self, name: FileName, reading: Reading, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from start to end, one chunk read ahead."""

        def read(position: int) -> bytes:
            with disk_errors(name):
                return reading.read(position, min(CHUNK_BYTES, end - position))

        ahead: asyncio.Future[bytes] | None = None
        try:
            for position in range(start, end, CHUNK_BYTES):
                chunk = await (ahead or self._in_thread(read, position))
                following = position + CHUNK_BYTES
                ahead = self._in_thread(read, following) if following < end else None
                yield chunk
        finally:
            if ahead:
                ahead.cancel()

    async def _hash(self, name: FileName) -> tuple[Version, str]:
        """Have the digest of a file computed, once for all who ask at the same time."""
        if name not in self._hashing:
            loop = asyncio.get_running_loop()
            self._hashing[name] = loop.run_in_executor(self._hashers, self._digests.of, name)
            self._hashing[name].add_done_callback(lambda _: self._hashing.pop(name))
        return await asyncio.shield(self._hashing[name])

    def _page(self, kind: FileKind, subfolder: str, recursive: bool, limit: int, page_token: str) -> base.FilePage:
        start = paging.position(page_token, subfolder)
        page: dict[FileName, Version] = {}
        for entry in self._tree.walk(kind, subfolder, recursive, start):
            status = self._tree.look(entry)
            if status is None:
                continue
            if len(page) == limit:
                return self._shelves.describe_all(page), paging.token_after(next(reversed(page)))
            page[entry.name] = Version.of(status)
        return self._shelves.describe_all(page), ""

    def _info(self, name: FileName, version: Version) -> FileInfo:
        return file_info(name, version, self._digests.known(name, version))
