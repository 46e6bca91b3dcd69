"""Contents on their way in: hashed, then an object of their own, until they get a name."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterable, Callable
from contextlib import suppress

from blake3 import blake3

from services.errors import Aborted, DataLoss, ServiceError, Unavailable
from services.files.chunks import rechunked
from services.files.records import Target
from services.files.stores import base
from services.files.stores.names.records import Content, ContentGone, Named
from services.files.stores.names.steps import Steps
from services.files.stores.names.store import Names
from services.files.stores.names.uploads import UploadRecords, ending
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.transfer import Transfer, part_bytes

Then = Callable[[Named], Steps[None]]

#: Where the objects of contents are.
BLOBS = "blobs"

#: Seconds between the moments at which an upload says that it goes on.
_TOUCH_INTERVAL = 60.0

#: Bytes that are hashed at once on the event loop; more of them in a thread.
_HASHED_HERE = 64 << 10


class Incoming:
    """What becomes of contents in one store."""

    def __init__(self, bucket: Bucket, names: Names, grace: float) -> None:
        """Contents come into `bucket` and get their names in `names`; what has none for `grace` seconds is garbage."""
        self._bucket = bucket
        self._names = names
        self._records = UploadRecords(names)
        self._grace = grace

    async def receive(self, target: Target, chunks: AsyncIterable[bytes]) -> Named:
        """Store a content under its name; raises as `FileStore.write`."""
        parts = aiter(rechunked(chunks, part_bytes(target.expected_size)))
        held = [await anext(parts, b"")]
        async for part in parts:
            held.append(part)
            break
        if len(held) == 1:
            return await self.store(target, held[0])
        return await self._stream(target, held, parts)

    async def store(self, target: Target, content: bytes, then: Then | None = None) -> Named:
        """Store a content that is at hand under its name, as `place` does; raises as `FileStore.write`."""
        hash = blake3()
        await hashed(hash, content)
        digest = hash.hexdigest()
        base.check_content(len(content), digest, target.expected_size, target.expected_blake3)
        if await self._names.has_content(digest):
            try:
                return await self._names.place(target, Content(digest, len(content)), then)
            except ContentGone:
                pass
        path = object_of(digest)
        began = time.monotonic()
        await self._bucket.put(path, content)
        if time.monotonic() - began > self._grace / 2:
            # It may count as garbage already.
            raise Aborted(f"storing {target.name} took too long; try again")
        return await self.place(target, Content(digest, len(content), path), then)

    async def place(self, target: Target, content: Content, then: Then | None = None) -> Named:
        """Give an object a name, and do what there is to do in the same transaction; an object that is not needed goes.

        Whether it is needed is not known when the database does not answer: then it stays, and may be garbage.
        """
        assert content.object is not None
        try:
            named = await self._names.place(target, content, then)
        except Unavailable:
            raise
        except ServiceError:
            await discard(self._bucket, content.object)
            raise
        if named.object != content.object:
            await discard(self._bucket, content.object)
        return named

    async def _stream(self, target: Target, held: list[bytes], rest: AsyncIterable[bytes]) -> Named:
        path = object_of(target.expected_blake3)
        upload_id = uuid.uuid4().hex
        hash, size = blake3(), 0
        transfer = Transfer(self._bucket, path)
        await self._records.protect(upload_id, path)
        try:
            touched = time.monotonic()
            async for part in _after(held, rest):
                await hashed(hash, part)
                size += len(part)
                if target.expected_size is not None and size > target.expected_size:
                    raise DataLoss(f"more than the {target.expected_size} promised bytes came")
                await transfer.add(part)
                if time.monotonic() - touched > _TOUCH_INTERVAL:
                    await self._records.touch(upload_id)
                    touched = time.monotonic()
            base.check_content(size, hash.hexdigest(), target.expected_size, target.expected_blake3)
            await transfer.complete()
        except BaseException:
            await asyncio.shield(self._give_up(transfer, upload_id))
            raise
        try:
            return await self.place(target, Content(hash.hexdigest(), size, path), lambda _: ending(upload_id))
        except Unavailable:
            raise  # it may have its name, and then it is over
        except ServiceError:
            with suppress(ServiceError):
                await self._records.end(upload_id)
            raise

    async def _give_up(self, transfer: Transfer, upload_id: str) -> None:
        await transfer.give_up()
        await discard(self._bucket, transfer.path)
        with suppress(ServiceError):
            await self._records.end(upload_id)


def object_of(digest: str | None) -> str:
    """Where to put a content: a path that never was and never will be another's."""
    own = uuid.uuid4().hex
    return f"{BLOBS}/{digest[:2]}/{digest}-{own[:16]}" if digest else f"{BLOBS}/streamed/{own}"


async def discard(bucket: Bucket, path: str) -> None:
    """Remove an object that is not needed, "" for none; one that cannot be removed now is garbage."""
    if path:
        with suppress(ServiceError):
            await bucket.remove([path])


async def hashed(hash: blake3, content: bytes) -> None:
    """Have a hash know more of a content."""
    if len(content) <= _HASHED_HERE:
        hash.update(content)
    else:
        await asyncio.to_thread(hash.update, content)


async def _after(held: list[bytes], rest: AsyncIterable[bytes]) -> AsyncIterable[bytes]:
    """Parts that are at hand, which are let go of, and those that come after them."""
    while held:
        yield held.pop(0)
    async for part in rest:
        yield part
