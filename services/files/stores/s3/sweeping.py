"""Finding garbage in a bucket.

Objects' paths are never used twice, so that one which is found to be garbage stays garbage: what decides is a row that
is gone for good. The steps may be broken off anywhere; the next sweep finds what this one left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from services.files.retention.records import Garbage, GarbageKind, References
from services.files.stores import base
from services.files.stores.names.garbage import NameGarbage
from services.files.stores.names.store import Names
from services.files.stores.s3.appending import TAILS
from services.files.stores.s3.bucket import Bucket, Object
from services.files.stores.s3.incoming import BLOBS


class Sweep:
    """One sweep of a bucket."""

    def __init__(
        self, bucket: Bucket, names: Names, references: References, now: float, grace: float, *, dry_run: bool
    ) -> None:
        """A sweep of what is older than `grace` seconds."""
        self._bucket = bucket
        self._garbage = NameGarbage(names)
        self._references = references
        self._before = now - grace
        self._before_us = round(self._before * 1e6)
        self._uploads_before_us = round((now - max(grace, base.UPLOAD_LIFE)) * 1e6)
        self._dry_run = dry_run

    async def all(self) -> AsyncIterator[Garbage]:
        """What goes, as it goes."""
        for found in (self.contents(), self.uploads(), self.unfinished(), self.objects()):
            async for garbage in found:
                yield garbage

    async def contents(self) -> AsyncIterator[Garbage]:
        """Contents without names: first the row, so that no name can get it any more, then the object."""
        async for page in self._garbage.unnamed(self._before_us):
            kept = set(await self._references([content.blake3 for content in page]))
            gone = [content for content in page if content.blake3 not in kept]
            if not self._dry_run:
                gone = await self._garbage.drop(gone, self._before_us)
                await self._bucket.remove([content.object for content in gone if content.object])
            for content in gone:
                yield Garbage(GarbageKind.CONTENT, str(content.object), content.size)

    async def uploads(self) -> AsyncIterator[Garbage]:
        """Uploads that were given up; what is in the bucket of them is found below, once their rows are gone."""
        async for upload in self._garbage.old_uploads(self._uploads_before_us):
            if (
                self._dry_run or await self._garbage.expire(upload, self._uploads_before_us)
            ) and not upload.is_committed:
                yield Garbage(GarbageKind.UPLOAD, upload.object, 0)

    async def unfinished(self) -> AsyncIterator[Garbage]:
        """Multipart uploads whose rows are gone: those were there before and stay until they are over."""
        async for upload in self._bucket.multipart.unfinished(f"{BLOBS}/"):
            path = upload.path
            if await self._garbage.unknown_objects([path]):
                if not self._dry_run:
                    await self._bucket.multipart.abort(path, upload.upload_id)
                yield Garbage(GarbageKind.UPLOAD, path, 0)

    async def objects(self) -> AsyncIterator[Garbage]:
        """Objects that a crash left: a small one is there before its row is, for less than the time of grace."""
        for folder in (BLOBS, TAILS):
            async for page in self._bucket.list(folder):
                old = [found for found in page if found.modified_at < self._before]
                gone = await (self._unknown_tails(old) if folder == TAILS else self._unknown(old))
                if gone and not self._dry_run:
                    await self._bucket.remove([found.path for found in gone])
                for found in gone:
                    yield Garbage(GarbageKind.LEFTOVER, found.path, found.size)

    async def _unknown(self, objects: Sequence[Object]) -> list[Object]:
        unknown = await self._garbage.unknown_objects([found.path for found in objects]) if objects else set()
        return [found for found in objects if found.path in unknown]

    async def _unknown_tails(self, objects: Sequence[Object]) -> list[Object]:
        uploads = {found.path: found.path.split("/")[1] for found in objects}
        unknown = await self._garbage.unknown_uploads(set(uploads.values())) if objects else set()
        return [found for found in objects if uploads[found.path] in unknown]
