"""Assets of the contents of a file store, kept in a database."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Self

from msgspec import structs

from services.errors import InvalidArgument, NotFound, ServiceError
from services.files.assets import checks
from services.files.assets.library import AssetLibrary
from services.files.assets.records import (
    Asset,
    AssetChange,
    AssetFilter,
    AssetOrder,
    AssetPage,
    Created,
    NewAsset,
    TagPage,
    TagsChanged,
)
from services.files.assets.stores import transactions
from services.files.assets.stores.base import AssetDatabase
from services.files.records import FileInfo, FileName
from services.files.spaces import user_of
from services.files.stores.base import FileStore, check_digest

log = logging.getLogger(__name__)

#: Seconds to which it is known when a content was read last: a gallery would write for every picture otherwise.
ACCESS_STEP = 60.0

#: Seconds between looks at what has expired.
SWEEP_INTERVAL = 60.0

#: Assets that are forgotten in one transaction.
SWEEP_SIZE = 100


class StoredAssets(AssetLibrary):
    """Opens with `async with`; sweeps away what has expired meanwhile."""

    def __init__(self, store: FileStore, database: AssetDatabase, clock: Callable[[], float] = time.time) -> None:
        """Assets of the contents of `store`; the database is opened and closed here."""
        self._store = store
        self._database = database
        self._clock = clock

    async def __aenter__(self) -> Self:
        await self._database.__aenter__()
        self._sweeping = asyncio.create_task(self._sweep_regularly())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._sweeping
        await self._database.__aexit__()

    async def create(self, new: NewAsset) -> Created:
        tags, now = checks.checked_tags(new.tags), self._now()
        checks.metadata_json(new.metadata)
        id = checks.checked_id(new.id) if new.id else str(uuid.uuid4())
        mime_type = checks.checked_mime_type(new.mime_type)
        preview_id = checks.checked_id(new.preview_id) if new.preview_id else ""
        name = checks.checked_text(new.name, "name")
        info = await self._content(_owner(new.owner), new.source)
        assert info.blake3 is not None
        asset = Asset(
            id=id,
            owner=new.owner,
            blake3=info.blake3,
            size=info.size,
            name=name or info.name.filename,
            mime_type=mime_type,
            tags=tags,
            job_id=checks.checked_text(new.job_id, "job_id"),
            preview_id=preview_id,
            metadata=new.metadata,
            created_at=now,
            updated_at=now,
            accessed_at=now,
            expires_at=_after(new.expires_at, now),
            file=info.name,
        )
        return await self._database.change(lambda: transactions.create(asset, reuse=new.reuse))

    async def get(self, owner: str, id: str, *, to_read: bool = False) -> Asset:
        id, now = checks.checked_id(id), self._now()
        asset = await self._database.read(lambda: transactions.get(_owner(owner), id, now))
        if to_read and now - asset.accessed_at >= ACCESS_STEP:
            return await self._database.change(lambda: transactions.touch(_owner(owner), id, now))
        return asset

    async def list(
        self,
        wanted: AssetFilter,
        *,
        order: AssetOrder = AssetOrder.CREATED,
        descending: bool = True,
        limit: int = 0,
        offset: int = 0,
    ) -> AssetPage:
        fit, now, limit = _checked(wanted), self._now(), checks.checked_limit(limit, offset)
        return await self._database.read(
            lambda: transactions.page(fit, now, order=order, descending=descending, limit=limit, offset=offset)
        )

    async def update(self, owner: str, id: str, change: AssetChange) -> Asset:
        id, now, checked = checks.checked_id(id), self._now(), _checked_change(change, self._now())
        return await self._database.change(lambda: transactions.update(_owner(owner), id, checked, now))

    async def add_tags(self, owner: str, id: str, tags: Sequence[str]) -> TagsChanged:
        return await self._change_tags(owner, id, tags, add=True)

    async def remove_tags(self, owner: str, id: str, tags: Sequence[str]) -> TagsChanged:
        return await self._change_tags(owner, id, tags, add=False)

    async def delete(self, owner: str, id: str, *, keep_content: bool = False) -> None:
        id, now = checks.checked_id(id), self._now()
        asset, was_last = await self._database.change(lambda: transactions.delete(_owner(owner), id, now))
        if was_last and not keep_content:
            await self._delete_file(asset)

    async def tags(
        self, wanted: AssetFilter, *, prefix: str = "", by_name: bool = False, limit: int = 0, offset: int = 0
    ) -> TagPage:
        fit, now, limit = _checked(wanted), self._now(), checks.checked_limit(limit, offset)
        prefix = checks.checked_text(prefix, "prefix")
        return await self._database.read(
            lambda: transactions.count_tags(fit, now, prefix=prefix, by_name=by_name, limit=limit, offset=offset)
        )

    async def has_content(self, owner: str, blake3: str) -> bool:
        try:
            await self._content(_owner(owner), blake3)
        except NotFound:
            return False
        return True

    async def referenced(self, digests: Collection[str]) -> set[str]:
        """Which of these contents some asset is of, whoever's: they must not be swept away."""
        return await self._database.read(lambda: transactions.referenced(digests))

    async def sweep(self) -> int:
        """Forget what has expired, and say how many assets that were."""
        count = 0
        now = self._now()
        while True:
            gone = await self._database.change(lambda: transactions.expire(now, SWEEP_SIZE))
            for asset, was_last in gone:
                if was_last:
                    await self._delete_file(asset)
            count += len(gone)
            if len(gone) < SWEEP_SIZE:
                return count

    async def _change_tags(self, owner: str, id: str, tags: Sequence[str], *, add: bool) -> TagsChanged:
        id, now, wanted = checks.checked_id(id), self._now(), checks.checked_tags(tags)
        changed = await self._database.change(
            lambda: transactions.change_tags(_owner(owner), id, wanted, now, add=add, most=checks.MAX_TAGS)
        )
        return changed

    async def _content(self, owner: str, source: FileName | str) -> FileInfo:
        """The file of a content that the owner may use; of another's content nothing is said, not even that it is here.

        Raises:
            NotFound: there is none.
        """
        if isinstance(source, FileName):
            info = await self._store.stat(source, digest=True)
        else:
            check_digest(source)
            async with self._store.open(source, length=1) as file:
                info = file.info
            info = info if info.blake3 else structs.replace(info, blake3=source)
        if user_of(info.name) in (None, owner):
            return info
        if isinstance(source, str) and (own := await self._own_file(owner, source)):
            return own
        raise NotFound(f"there is no content with the digest {info.blake3}")

    async def _own_file(self, owner: str, blake3: str) -> FileInfo | None:
        """Another file of a content: one that the owner has an asset of."""
        known = await self.list(AssetFilter(owner=owner, blake3=blake3), limit=1)
        for asset in known.assets:
            with suppress(NotFound):
                info = await self._store.stat(asset.file, digest=True)
                return info if info.blake3 == blake3 and user_of(info.name) in (None, owner) else None
        return None

    async def _delete_file(self, asset: Asset) -> None:
        """Delete the file of an asset that is gone, if it is still that file."""
        if asset.file.kind.is_read_only:
            return
        try:
            if (await self._store.stat(asset.file, digest=True)).blake3 == asset.blake3:
                await self._store.delete(asset.file)
        except NotFound:
            return
        except ServiceError as error:
            log.warning("the file of asset %s stays: %s", asset.id, error)

    async def _sweep_regularly(self) -> None:
        while True:
            try:
                await self.sweep()
            except ServiceError as error:
                log.warning("cannot look for assets that have expired: %s", error)
            await asyncio.sleep(SWEEP_INTERVAL)

    def _now(self) -> float:
        # As it is kept, so that an asset is the same before and after it was kept.
        return round(self._clock() * 1_000_000) / 1_000_000


def _owner(owner: str) -> str:
    return checks.checked_text(owner, "owner")


def _after(expires_at: float | None, now: float) -> float | None:
    if expires_at is not None and expires_at <= now:
        raise InvalidArgument("expires_at lies in the past")
    return expires_at


def _checked(wanted: AssetFilter) -> AssetFilter:
    checks.metadata_json(wanted.metadata)
    for text in (wanted.owner, wanted.name_contains, wanted.job_id):
        checks.checked_text(text, "a filter")
    if wanted.blake3:
        check_digest(wanted.blake3)
    return structs.replace(wanted, tags=_stripped(wanted.tags), without_tags=_stripped(wanted.without_tags))


def _checked_change(change: AssetChange, now: float) -> AssetChange:
    if change.metadata is not None:
        checks.metadata_json(change.metadata)
    if change.name is not None and not checks.checked_text(change.name, "name"):
        raise InvalidArgument("name is empty")
    return structs.replace(
        change,
        mime_type=None if change.mime_type is None else checks.checked_mime_type(change.mime_type),
        tags=None if change.tags is None else checks.checked_tags(change.tags),
        preview_id=checks.checked_id(change.preview_id) if change.preview_id else change.preview_id,
        expires_at=_after(change.expires_at, now) if change.expires_at else change.expires_at,
    )


def _stripped(tags: Iterable[str]) -> list[str]:
    return checks.checked_tags([tag for tag in tags if tag.strip()])
