"""A store that has another one do everything: what stands before a store begins with this."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Self

from services.files.locations import FileLocation
from services.files.records import FileInfo, FileKind, FileName, OnConflict, Target, Upload
from services.files.retention.records import Garbage, References, no_references
from services.files.stores import base
from services.files.stores.keeping import KeepingStore
from services.files.stores.open_file import OpenFile


class ForwardingStore(KeepingStore):
    """All of one store; it is opened and closed with this one."""

    def __init__(self, store: KeepingStore) -> None:
        self._store = store

    async def __aenter__(self) -> Self:
        await self._store.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._store.__aexit__()

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
        return await self._store.write(
            name,
            chunks,
            on_conflict,
            numbered_extension=numbered_extension,
            expected_blake3=expected_blake3,
            expected_size=expected_size,
            replaced_blake3=replaced_blake3,
            owner=owner,
        )

    async def write_model(self, target: Target, chunks: AsyncIterable[bytes]) -> FileInfo:
        return await self._store.write_model(target, chunks)

    async def begin_upload(self, target: Target) -> Upload:
        return await self._store.begin_upload(target)

    async def append_upload(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        return await self._store.append_upload(upload_id, offset, chunks)

    async def get_upload(self, upload_id: str) -> Upload:
        return await self._store.get_upload(upload_id)

    async def commit_upload(self, upload_id: str, size: int, *, blake3: str | None = None) -> FileInfo:
        return await self._store.commit_upload(upload_id, size, blake3=blake3)

    async def abort_upload(self, upload_id: str) -> None:
        await self._store.abort_upload(upload_id)

    def open(
        self, source: FileName | str, *, offset: int = 0, length: int = 0
    ) -> AbstractAsyncContextManager[OpenFile]:
        return self._store.open(source, offset=offset, length=length)

    async def stat(self, name: FileName, *, digest: bool = False) -> FileInfo:
        return await self._store.stat(name, digest=digest)

    async def locate(self, name: FileName) -> FileLocation | None:
        return await self._store.locate(name)

    async def list(
        self,
        kind: FileKind,
        subfolder: str = "",
        *,
        recursive: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> base.FilePage:
        return await self._store.list(kind, subfolder, recursive=recursive, page_size=page_size, page_token=page_token)

    async def list_folders(self, kind: FileKind, subfolder: str = "") -> Sequence[str]:
        return await self._store.list_folders(kind, subfolder)

    async def delete(self, name: FileName) -> None:
        await self._store.delete(name)

    async def move(self, source: FileName, target: FileName, on_conflict: OnConflict) -> FileInfo:
        return await self._store.move(source, target, on_conflict)

    async def copy(
        self,
        source: FileName | str,
        target: FileName,
        on_conflict: OnConflict,
        *,
        numbered_extension: str = "",
        owner: str = "",
    ) -> FileInfo:
        return await self._store.copy(source, target, on_conflict, numbered_extension=numbered_extension, owner=owner)

    async def expire(self, name: FileName, before: float) -> None:
        await self._store.expire(name, before)

    def sweep(self, references: References = no_references, *, dry_run: bool = False) -> AsyncIterator[Garbage]:
        return self._store.sweep(references, dry_run=dry_run)

    async def usage(self, owner: str, *, without: FileName | None = None) -> int:
        return await self._store.usage(owner, without=without)

    async def target_of(self, upload_id: str) -> Target:
        return await self._store.target_of(upload_id)
