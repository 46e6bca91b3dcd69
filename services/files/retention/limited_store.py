"""A store in which nobody may have more than their quota."""

from __future__ import annotations

from collections.abc import AsyncIterable

from services.errors import NotFound
from services.files.records import FileInfo, FileName, OnConflict, Target, Upload
from services.files.retention.quotas import Quotas
from services.files.stores.forwarding import ForwardingStore
from services.files.stores.keeping import KeepingStore


class LimitedStore(ForwardingStore):
    """All of another store; what would be more than its owner may have raises `ResourceExhausted`."""

    def __init__(self, store: KeepingStore, quota: int) -> None:
        """Owners may have `quota` bytes each, or as much as they like when it is 0."""
        super().__init__(store)
        self._quotas = Quotas(store, quota)

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
        target = Target(name, on_conflict, owner=owner)
        await self._quotas.check(target, expected_size or 0)
        async with self._quotas.receiving(target, chunks) as counted:
            return await super().write(
                name,
                counted,
                on_conflict,
                numbered_extension=numbered_extension,
                expected_blake3=expected_blake3,
                expected_size=expected_size,
                replaced_blake3=replaced_blake3,
                owner=owner,
            )

    async def begin_upload(self, target: Target) -> Upload:
        await self._quotas.check(target, target.expected_size or 0)
        return await super().begin_upload(target)

    async def append_upload(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        counted = self._quotas.counted(await self.target_of(upload_id), chunks, offset)
        return await super().append_upload(upload_id, offset, counted)

    async def commit_upload(self, upload_id: str, size: int, *, blake3: str | None = None) -> FileInfo:
        try:
            target = await self.target_of(upload_id)
        except NotFound:  # it may have been committed already
            return await super().commit_upload(upload_id, size, blake3=blake3)
        async with self._quotas.naming(target, size):
            return await super().commit_upload(upload_id, size, blake3=blake3)

    async def copy(
        self,
        source: FileName | str,
        target: FileName,
        on_conflict: OnConflict,
        *,
        numbered_extension: str = "",
        owner: str = "",
    ) -> FileInfo:
        wanted = Target(target, on_conflict, owner=owner)
        async with self._quotas.naming(wanted, await self._size(source) if owner else 0):
            return await super().copy(source, target, on_conflict, numbered_extension=numbered_extension, owner=owner)

    async def _size(self, source: FileName | str) -> int:
        async with self.open(source, length=1) as file:
            return file.info.size
