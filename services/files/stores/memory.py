"""Files in memory: for tests, gone with the process, one event loop."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

import msgspec
from blake3 import blake3

from services.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from services.files import names
from services.files.chunks import CHUNK_BYTES
from services.files.records import FileInfo, FileKind, FileName, OnConflict, Target, Upload
from services.files.retention.records import Garbage, References, no_references
from services.files.stores import base, paging, placing
from services.files.stores.keeping import KeepingStore
from services.files.stores.memory_uploads import MemoryUploads
from services.files.stores.open_file import OpenFile


class _Stored(msgspec.Struct, frozen=True):
    info: FileInfo
    content: bytes


class MemoryStore(KeepingStore):
    """Files in a dictionary."""

    def __init__(self, files: Mapping[FileName, bytes] | None = None) -> None:
        """A store that holds `files` from the start, models too."""
        self._counters = placing.Counters()
        self._files: dict[FileName, _Stored] = {}
        self._owners: dict[FileName, str] = {}
        self._uploads = MemoryUploads()
        for name, content in (files or {}).items():
            _Shelf(self._files, content).replace(name, None)

    async def __aexit__(self, *_: object) -> None:
        self._files.clear()

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
        content = b"".join([chunk async for chunk in chunks])
        return self._place(
            Target(name, on_conflict, numbered_extension, expected_blake3, expected_size, replaced_blake3, owner),
            content,
        )

    async def write_model(self, target: Target, chunks: AsyncIterable[bytes]) -> FileInfo:
        base.check_model(target)
        return self._place(target, b"".join([chunk async for chunk in chunks]))

    async def begin_upload(self, target: Target) -> Upload:
        base.check_upload(target)
        if target.on_conflict is OnConflict.FAIL and target.name in self._files:
            raise AlreadyExists(f"{target.name} exists")
        return self._uploads.begin(target)

    async def append_upload(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        return await self._uploads.append(upload_id, offset, chunks)

    async def get_upload(self, upload_id: str) -> Upload:
        return self._uploads.describe(upload_id)

    async def commit_upload(self, upload_id: str, size: int, *, blake3: str | None = None) -> FileInfo:
        if blake3 is not None:
            base.check_digest(blake3)
        return self._uploads.commit(upload_id, size, partial(self._place, expected_blake3=blake3))

    async def abort_upload(self, upload_id: str) -> None:
        self._uploads.abort(upload_id)

    @asynccontextmanager
    async def open(self, source: FileName | str, *, offset: int = 0, length: int = 0) -> AsyncIterator[OpenFile]:
        stored = self._find(source)
        start, end = base.part_to_read(stored.info.size, offset, length)
        yield OpenFile(stored.info, _sliced(stored.content, start, end))

    async def stat(self, name: FileName, *, digest: bool = False) -> FileInfo:
        return self._get(name).info

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
        start = paging.position(page_token, subfolder)
        there = (name for name in self._files if name.kind is kind and _is_in(name, subfolder, recursive))
        rest = sorted((name for name in there if paging.sort_key(name) > start), key=paging.sort_key)
        page = [self._files[name].info for name in rest[:limit]]
        return page, paging.token_after(page[-1].name) if len(rest) > limit else ""

    async def list_folders(self, kind: FileKind, subfolder: str = "") -> Sequence[str]:
        names.validate_subfolder(subfolder)
        top = f"{subfolder}/" if subfolder else ""
        there = {name.subfolder for name in self._files if name.kind is kind and name.subfolder.startswith(top)}
        return sorted({path.removeprefix(top).partition("/")[0] for path in there if path})

    async def delete(self, name: FileName) -> None:
        base.check_writable(name.kind)
        self._remove(name)

    async def move(self, source: FileName, target: FileName, on_conflict: OnConflict) -> FileInfo:
        base.check_move(source, target, on_conflict)
        stored = self._get(source)
        placing.place(_Shelf(self._files, stored.content), self._counters, target, on_conflict, "")
        if source != target:
            self._owners[target] = self._owners.get(source, "")
            self._remove(source)
        info = msgspec.structs.replace(stored.info, name=target)
        self._files[target] = _Stored(info, stored.content)
        return info

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
        return self._place(Target(target, on_conflict, numbered_extension, owner=owner), self._find(source).content)

    async def expire(self, name: FileName, before: float) -> None:
        if self._get(name).info.modified_at >= before:
            raise Aborted(f"{name} was written again")
        self._remove(name)

    async def sweep(self, references: References = no_references, *, dry_run: bool = False) -> AsyncIterator[Garbage]:
        nothing: tuple[Garbage, ...] = ()  # contents go with their last name
        for garbage in nothing:
            yield garbage

    async def usage(self, owner: str, *, without: FileName | None = None) -> int:
        return sum(
            self._files[name].info.size for name, whose in self._owners.items() if whose == owner and name != without
        )

    async def target_of(self, upload_id: str) -> Target:
        return self._uploads.target(upload_id)

    def _remove(self, name: FileName) -> None:
        self._get(name)
        del self._files[name]
        self._owners.pop(name, None)

    def _place(self, target: Target, content: bytes, expected_blake3: str | None = None) -> FileInfo:
        shelf = _Shelf(self._files, content)
        base.check_content(len(content), shelf.blake3, target.expected_size, target.expected_blake3)
        base.check_content(len(content), shelf.blake3, None, expected_blake3)
        placed = placing.place(
            shelf,
            self._counters,
            target.name,
            target.on_conflict,
            target.numbered_extension,
            target.replaced_blake3,
        )
        if self._files[placed].content is content:
            self._owners[placed] = target.owner
        return self._files[placed].info

    def _find(self, source: FileName | str) -> _Stored:
        return self._by_digest(source) if isinstance(source, str) else self._get(source)

    def _get(self, name: FileName) -> _Stored:
        names.validate(name)
        if name not in self._files:
            raise NotFound(f"there is no {name}")
        return self._files[name]

    def _by_digest(self, blake3: str) -> _Stored:
        base.check_digest(blake3)
        for stored in self._files.values():
            if stored.info.blake3 == blake3:
                return stored
        raise NotFound(f"there is no content with the digest {blake3}")


class _Shelf:
    """A content that waits for its name in the dictionary."""

    def __init__(self, files: dict[FileName, _Stored], content: bytes) -> None:
        self._files = files
        self._content = content
        self.blake3 = blake3(content).hexdigest()

    def put(self, name: FileName) -> bool:
        if name in self._files or self._is_folder(name):
            return False
        self.replace(name, None)
        return True

    def replace(self, name: FileName, replaced_blake3: str | None) -> None:
        if self._is_folder(name):
            raise InvalidArgument(f"{name} is a folder")
        if any(FileName(name.kind, *_split(folder)) in self._files for folder in _folders(name.subfolder)):
            raise InvalidArgument(f"a part of {name.subfolder!r} is a file")
        if replaced_blake3 is not None and (
            name not in self._files or self._files[name].info.blake3 != replaced_blake3
        ):
            raise Aborted(f"{name} has changed")
        info = FileInfo(name, len(self._content), self.blake3, time.time_ns() // 1000 / 1e6)
        self._files[name] = _Stored(info, self._content)

    def holds(self, name: FileName) -> bool:
        return name in self._files and self._files[name].info.blake3 == self.blake3

    def filenames(self, beside: FileName) -> list[str]:
        return [it.filename for it in self._files if (it.kind, it.subfolder) == (beside.kind, beside.subfolder)]

    def _is_folder(self, name: FileName) -> bool:
        return any(it.kind is name.kind and _is_in(it, name.path, recursive=True) for it in self._files)


def _is_in(name: FileName, subfolder: str, recursive: bool) -> bool:
    inside = recursive and (not subfolder or name.subfolder.startswith(subfolder + "/"))
    return inside or name.subfolder == subfolder


def _folders(subfolder: str) -> list[str]:
    """The folder and those above it."""
    parts = subfolder.split("/") if subfolder else []
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def _split(path: str) -> tuple[str, str]:
    subfolder, _, filename = path.rpartition("/")
    return subfolder, filename


async def _sliced(content: bytes, start: int, end: int) -> AsyncIterator[bytes]:
    for position in range(start, end, CHUNK_BYTES):
        yield content[position : min(position + CHUNK_BYTES, end)]
