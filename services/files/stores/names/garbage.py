"""What a database says about contents and uploads that nobody needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

import msgspec

from services.files.stores.names.records import Content
from services.files.stores.names.steps import Steps, statement
from services.files.stores.names.store import Names

#: Rows that are dealt with together.
PAGE = 1_000


class OldUpload(msgspec.Struct, frozen=True):
    """An upload, or what is remembered of one, that nobody went on with for long."""

    upload_id: str
    #: where its content would have become an object; empty when it was committed
    object: str
    is_committed: bool


class NameGarbage:
    """Rows that may go. Moments are in microseconds since the epoch."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def unnamed(self, before_us: int) -> AsyncIterator[Sequence[Content]]:
        """Contents that no name has, and that nobody touched since a moment; some at a time."""
        after = ""
        while True:
            rows = await self._names.read(lambda: statement("unnamed_blobs", before_us, after, PAGE))  # noqa: B023
            if not rows:
                return
            yield [Content(*row) for row in rows]
            after = rows[-1][0]

    async def drop(self, contents: Sequence[Content], before_us: int) -> list[Content]:
        """Forget contents unless they were touched or named meanwhile, and say which: their objects are garbage now."""

        def drop() -> Steps[list[Content]]:
            dropped: list[Content] = []
            for content in contents:
                gone = yield from statement("drop_blob", content.blake3, before_us)
                dropped += [content] if gone else []
            return dropped

        return await self._names.change(drop)

    async def old_uploads(self, before_us: int) -> AsyncIterator[OldUpload]:
        """Uploads that nobody touched since a moment."""
        after = ""
        while True:
            rows = await self._names.read(lambda: statement("old_uploads", before_us, after, PAGE))  # noqa: B023
            if not rows:
                return
            for upload_id, held, _, answer in rows:
                yield OldUpload(upload_id, held, bool(answer))
            after = rows[-1][0]

    async def expire(self, upload: OldUpload, before_us: int) -> bool:
        """Forget an upload unless somebody touched it meanwhile; whether it was forgotten."""
        return bool(await self._names.change(lambda: statement("expire_upload", upload.upload_id, before_us)))

    async def unknown_objects(self, paths: Collection[str]) -> set[str]:
        """Those objects that neither a content nor an upload has."""
        known = await self._names.read(lambda: statement("known_objects", _json(paths)))
        return set(paths) - {path for (path,) in known}

    async def unknown_uploads(self, upload_ids: Collection[str]) -> set[str]:
        """Those uploads that are not under way."""
        known = await self._names.read(lambda: statement("known_uploads", _json(upload_ids)))
        return set(upload_ids) - {upload_id for (upload_id,) in known}


def _json(texts: Collection[str]) -> str:
    return msgspec.json.encode(list(texts)).decode()
