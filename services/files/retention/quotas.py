"""Quotas: how many bytes the files of an owner may have together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from services.errors import ResourceExhausted
from services.files.records import FileName, OnConflict, Target
from services.files.stores.keeping import KeepingStore


def exhausted(owner: str, used: int, quota: int, more: int) -> ResourceExhausted:
    """What an owner hears whose files do not fit."""
    return ResourceExhausted(
        f"{owner} uses {used} bytes of a quota of {quota}, {more} more do not fit: delete some files"
    )


class Quotas:
    """The quota of every owner in one store. Files of nobody count towards none.

    An owner's files get their names one after another, so that no two of them fit where only one does.
    """

    def __init__(self, store: KeepingStore, quota: int) -> None:
        """Owners may have `quota` bytes each, or as much as they like when it is 0."""
        self._store = store
        self._quota = quota
        self._naming = WeakValueDictionary[str, asyncio.Lock]()

    async def check(self, target: Target, size: int) -> None:
        """Check that a content of a size would fit.

        Raises:
            ResourceExhausted: it would not.
        """
        if self._applies_to(target.owner):
            used = await self._used(target)
            if used + size > self._quota:
                raise exhausted(target.owner, used, self._quota, size)

    @asynccontextmanager
    async def naming(self, target: Target, size: int) -> AsyncIterator[None]:
        """Give a content of a size its name within the block; raises as `check`."""
        if not self._applies_to(target.owner):
            yield
            return
        async with self._lock(target.owner):
            await self.check(target, size)
            yield

    @asynccontextmanager
    async def receiving(self, target: Target, chunks: AsyncIterable[bytes]) -> AsyncIterator[AsyncIterable[bytes]]:
        """The same chunks, for a content that gets its name within the block; they raise as `check`."""
        async with AsyncExitStack() as naming:
            yield self.counted(target, chunks, naming=naming)

    async def counted(
        self,
        target: Target,
        chunks: AsyncIterable[bytes],
        offset: int = 0,
        naming: AsyncExitStack | None = None,
    ) -> AsyncIterator[bytes]:
        """The same chunks, of a content that begins with `offset` bytes that came before; they raise as `check`.

        After the last one `naming` enters `naming()`.
        """
        used = await self._used(target) if self._applies_to(target.owner) else 0
        size = offset
        async for chunk in chunks:
            size += len(chunk)
            if self._applies_to(target.owner) and used + size > self._quota:
                raise exhausted(target.owner, used, self._quota, size)
            yield chunk
        if naming is not None:
            await naming.enter_async_context(self.naming(target, size))

    async def _used(self, target: Target) -> int:
        replaced: FileName | None = target.name if target.on_conflict is OnConflict.OVERWRITE else None
        return await self._store.usage(target.owner, without=replaced)

    def _lock(self, owner: str) -> asyncio.Lock:
        return self._naming.setdefault(owner, asyncio.Lock())

    def _applies_to(self, owner: str) -> bool:
        return bool(owner and self._quota)
