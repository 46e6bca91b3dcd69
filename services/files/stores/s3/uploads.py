"""Uploads into a bucket that may be interrupted: whole parts of a multipart upload, and an object for what came after.

What is written down says which parts there are, so that any service goes on where another one ended.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from weakref import WeakValueDictionary

import msgspec

from services.errors import Aborted, DataLoss, OutOfRange, ServiceError
from services.files.records import FileInfo, Target, Upload
from services.files.stores import base
from services.files.stores.names.records import Content, Named
from services.files.stores.names.store import Names
from services.files.stores.names.uploads import Record, State, UploadRecords, answering
from services.files.stores.s3.appending import Appending, tail_of
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.failures import NoSuchUpload
from services.files.stores.s3.hashes import Hashes
from services.files.stores.s3.incoming import Incoming, discard, hashed, object_of
from services.files.stores.s3.reading import chunks_of

#: Seconds of silence after which what came is made durable.
IDLE = 0.5


class Uploads:
    """The uploads of one store; every method raises as that of `FileStore`."""

    def __init__(self, bucket: Bucket, names: Names, incoming: Incoming) -> None:
        self._bucket = bucket
        self._names = names
        self._records = UploadRecords(names)
        self._incoming = incoming
        self._hashes = Hashes()
        self._committing = WeakValueDictionary[str, asyncio.Lock]()

    async def begin(self, target: Target) -> Upload:
        """Start an upload."""
        return await self._records.begin(uuid.uuid4().hex, object_of(target.expected_blake3), target)

    async def get(self, upload_id: str) -> Upload:
        """How far an upload is."""
        record = await self._records.get(upload_id)
        if record.answer is not None:
            raise base.no_upload(upload_id)
        return record.upload

    async def target(self, upload_id: str) -> Target:
        """Where an upload belongs that is under way."""
        record = await self._records.get(upload_id)
        if record.answer is not None:
            raise base.no_upload(upload_id)
        return record.target

    async def append(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        """Add to an upload."""
        record = await self._records.take_turn(upload_id)
        base.check_offset(record.upload, offset)
        if record.state.is_whole:
            raise Aborted(f"upload {upload_id} is complete: commit or abort it")
        appending = Appending(self._bucket, self._records, self._hashes, record)
        await appending.start()
        try:
            async for chunk in _with_silences(chunks):
                await (appending.keep() if chunk is None else appending.add(chunk))
        except BaseException:
            with suppress(ServiceError):
                await asyncio.shield(appending.keep())
            raise
        await appending.keep()
        return appending.record.upload

    async def commit(self, upload_id: str, size: int, expected_blake3: str | None) -> FileInfo:
        """Give an upload its name."""
        async with self._committing.setdefault(upload_id, asyncio.Lock()):
            record = await self._records.get(upload_id)
            if record.answer is not None:
                return record.answer
            record = await self._records.take_turn(upload_id)
            if size != record.state.size:
                offset = record.state.size
                raise OutOfRange(f"upload {upload_id} goes on at offset {offset}, it has not {size} bytes")
            try:
                info = await self._place(record, expected_blake3)
            except DataLoss:
                await self._end(record)
                raise
            await discard(self._bucket, record.state.tail)
            self._hashes.forget(upload_id)
            return info

    async def abort(self, upload_id: str) -> None:
        """Forget an upload."""
        await self._end(await self._records.take_turn(upload_id))

    async def _place(self, record: Record, expected_blake3: str | None) -> FileInfo:
        target = record.target
        if expected_blake3 is not None:
            base.check_content(record.state.size, expected_blake3, None, target.expected_blake3)
            target = msgspec.structs.replace(target, expected_blake3=expected_blake3)
        if not record.state.multipart_id:
            content = await tail_of(self._bucket, record)
            return (await self._incoming.store(target, content, lambda named: answering(record, named))).info
        return (await self._place_object(await self._whole(record), target)).info

    async def _place_object(self, record: Record, target: Target) -> Named:
        """Give an object its name; it stays when it cannot have it."""
        content = Content(await self._digest(record), record.state.size, record.object)
        base.check_content(content.size, content.blake3, target.expected_size, target.expected_blake3)
        named = await self._names.place(target, content, lambda named: answering(record, named))
        if named.object != record.object:
            await discard(self._bucket, record.object)
        return named

    async def _whole(self, record: Record) -> Record:
        """Make an object of the parts and the tail; a service that ended meanwhile may have done some of it."""
        multipart, path = self._bucket.multipart, record.object
        if record.state.is_whole:
            return record
        if record.state.held:
            rest = await tail_of(self._bucket, record)
            tag = await multipart.put(path, record.state.multipart_id, len(record.state.tags) + 1, rest)
            record = await self._records.keep(record, _with_tail(record.state, tag))
        with suppress(NoSuchUpload):
            await multipart.complete(path, record.state.multipart_id, record.state.tags)
        if await self._bucket.size(path) != record.state.size:
            raise DataLoss(f"the object store has lost a part of upload {record.upload_id}: begin it again")
        return await self._records.keep(record, msgspec.structs.replace(record.state, is_whole=True))

    async def _digest(self, record: Record) -> str:
        """The digest of a whole object, read again unless it was hashed on its way in."""
        hash = self._hashes.at(record.upload_id, record.state.size)
        if hash is None:
            hash = self._hashes.at(record.upload_id, 0)
            assert hash is not None
            async for chunk in chunks_of(self._bucket, record.target.name, record.object, 0, record.state.size):
                await hashed(hash, chunk)
        return hash.hexdigest()

    async def _end(self, record: Record) -> None:
        """Forget an upload and what came of it; what cannot be removed now is garbage."""
        await self._records.end(record.upload_id)
        self._hashes.forget(record.upload_id)
        if record.state.multipart_id:
            with suppress(ServiceError):
                await self._bucket.multipart.abort(record.object, record.state.multipart_id)
            await discard(self._bucket, record.object)
        await discard(self._bucket, record.state.tail)


def _with_tail(state: State, tag: str) -> State:
    return msgspec.structs.replace(state, tags=(*state.tags, tag), sent=state.size, tail="", held=0)


async def _with_silences(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes | None]:
    """The same chunks, and None whenever none has come for a while."""
    iterator = aiter(chunks)
    following: asyncio.Task[bytes | None] | None = None
    try:
        while True:
            following = asyncio.create_task(_next(iterator))
            done, _ = await asyncio.wait([following], timeout=IDLE)
            if not done:
                yield None
            chunk = await following
            if chunk is None:
                return
            yield chunk
    finally:
        if following is not None and not following.done():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
