"""Files in a bucket, their names in a database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from typing import Self

from services.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound
from services.files import names as rules
from services.files.records import FileInfo, FileKind, FileName, OnConflict, Target, Upload
from services.files.retention.records import KEEP_LONG, Garbage, References, Retention, no_references
from services.files.stores import base, paging
from services.files.stores.keeping import KeepingStore
from services.files.stores.names.records import Content, ContentGone, Named
from services.files.stores.names.store import Names
from services.files.stores.open_file import OpenFile
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.incoming import Incoming
from services.files.stores.s3.reading import chunks_of
from services.files.stores.s3.sweeping import Sweep
from services.files.stores.s3.uploads import Uploads

#: The object that says which database a folder of a bucket belongs to.
_MARKER = "silverprint"


class S3Store(KeepingStore):
    """Contents are objects of a bucket that are made once and never changed; names are rows.

    A content is seen when its row is committed, so what a crash leaves in the bucket is garbage that nobody sees. Any
    number of services may use a bucket at once if their names are in a database that allows for it.
    """

    def __init__(
        self, bucket: Bucket, names: Names, retention: Retention = KEEP_LONG, clock: Callable[[], float] = time.time
    ) -> None:
        """A store that opens with `async with`, and closes what it is made of."""
        self._bucket = bucket
        self._names = names
        self._grace = retention.grace
        self._clock = clock
        self._incoming = Incoming(bucket, names, retention.grace)
        self._uploads = Uploads(bucket, names, self._incoming)
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open; raises as `Bucket` and `Names` do.

        Raises:
            FailedPrecondition: the bucket's folder belongs to another database.
        """
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self._bucket)
            await opening.enter_async_context(self._names)
            await self._claim_bucket()
            self._opened = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

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
        target = Target(name, on_conflict, numbered_extension, expected_blake3, expected_size, replaced_blake3, owner)
        await self._check(target)
        return (await self._incoming.receive(target, chunks)).info

    async def write_model(self, target: Target, chunks: AsyncIterable[bytes]) -> FileInfo:
        base.check_model(target)
        await self._refuse_taken(target)
        return (await self._incoming.receive(target, chunks)).info

    async def begin_upload(self, target: Target) -> Upload:
        await self._check(target)
        return await self._uploads.begin(target)

    async def append_upload(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        return await self._uploads.append(upload_id, offset, chunks)

    async def get_upload(self, upload_id: str) -> Upload:
        return await self._uploads.get(upload_id)

    async def commit_upload(self, upload_id: str, size: int, *, blake3: str | None = None) -> FileInfo:
        if blake3 is not None:
            base.check_digest(blake3)
        return await self._uploads.commit(upload_id, size, blake3)

    async def abort_upload(self, upload_id: str) -> None:
        await self._uploads.abort(upload_id)

    @asynccontextmanager
    async def open(self, source: FileName | str, *, offset: int = 0, length: int = 0) -> AsyncIterator[OpenFile]:
        found = await self._find(source)
        start, end = base.part_to_read(found.info.size, offset, length)
        async with aclosing(chunks_of(self._bucket, found.info.name, found.object, start, end)) as chunks:
            yield OpenFile(found.info, chunks)

    async def stat(self, name: FileName, *, digest: bool = False) -> FileInfo:
        return (await self._names.find(name)).info

    async def list(
        self,
        kind: FileKind,
        subfolder: str = "",
        *,
        recursive: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> base.FilePage:
        rules.validate_subfolder(subfolder)
        limit = paging.page_limit(page_size)
        after = paging.position(page_token, subfolder)
        page = await self._names.page(kind, subfolder, recursive, limit + 1, after)
        return page[:limit], paging.token_after(page[limit - 1].name) if len(page) > limit else ""

    async def list_folders(self, kind: FileKind, subfolder: str = "") -> Sequence[str]:
        rules.validate_subfolder(subfolder)
        return await self._names.children(kind, subfolder)

    async def delete(self, name: FileName) -> None:
        base.check_writable(name.kind)
        await self._names.delete(name)

    async def move(self, source: FileName, target: FileName, on_conflict: OnConflict) -> FileInfo:
        base.check_move(source, target, on_conflict)
        return await self._names.move(source, target, replace=on_conflict is OnConflict.OVERWRITE)

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
        found = (await self._find(source)).info
        assert found.blake3 is not None
        wanted = Target(target, on_conflict, numbered_extension, owner=owner)
        try:
            return (await self._names.place(wanted, Content(found.blake3, found.size))).info
        except ContentGone:
            raise Aborted(f"{found.name} changed while it was copied") from None

    async def expire(self, name: FileName, before: float) -> None:
        await self._names.delete(name, before=before)

    def sweep(self, references: References = no_references, *, dry_run: bool = False) -> AsyncIterator[Garbage]:
        return Sweep(self._bucket, self._names, references, self._clock(), self._grace, dry_run=dry_run).all()

    async def usage(self, owner: str, *, without: FileName | None = None) -> int:
        return await self._names.usage(owner, without)

    async def target_of(self, upload_id: str) -> Target:
        return await self._uploads.target(upload_id)

    async def _find(self, source: FileName | str) -> Named:
        if isinstance(source, FileName):
            return await self._names.find(source)
        base.check_digest(source)
        return await self._names.find_content(source)

    async def _check(self, target: Target) -> None:
        """Refuse what may not be written, before a whole content is sent for nothing."""
        base.check_upload(target)
        await self._refuse_taken(target)

    async def _refuse_taken(self, target: Target) -> None:
        if target.on_conflict is OnConflict.FAIL:
            with suppress(NotFound):
                await self._names.find(target.name)
                raise AlreadyExists(f"{target.name} exists")

    async def _claim_bucket(self) -> None:
        identity = await self._names.identity()
        if await self._bucket.put_new(_MARKER, identity.encode()):
            return
        found = await self._bucket.get(_MARKER)
        if found != identity.encode():
            raise FailedPrecondition(
                f"{self._bucket.location} belongs to another database of names, which would lose its files: "
                f"use another prefix, or, if that is gone, remove the object {self._bucket.location.key(_MARKER)}"
            )
