"""One append to an upload: whole parts as they become whole, and an object for the rest."""

from __future__ import annotations

import uuid

import msgspec

from services.errors import Aborted, DataLoss, ResourceExhausted
from services.files.stores.names.uploads import Record, UploadRecords
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.hashes import Hashes
from services.files.stores.s3.incoming import discard, hashed
from services.files.stores.s3.multipart import MAX_PARTS
from services.files.stores.s3.transfer import part_bytes

#: Where the objects are of what came after the last whole part.
TAILS = "uploads"


class Appending:
    """What one sender adds. Everything raises `Aborted` once somebody else went on with the upload."""

    def __init__(self, bucket: Bucket, records: UploadRecords, hashes: Hashes, record: Record) -> None:
        self._bucket = bucket
        self._records = records
        self._hashes = hashes
        #: as it is written down
        self.record = record
        self._hash = hashes.at(record.upload_id, record.state.size)
        self._rest = b""
        self._part_bytes = part_bytes(record.target.expected_size)

    async def start(self) -> None:
        """Take up what came after the last whole part."""
        self._rest = await tail_of(self._bucket, self.record)

    async def add(self, chunk: bytes) -> None:
        """Add to the content; it is not durable yet.

        Raises:
            DataLoss: more came than was promised.
            ResourceExhausted: there are too many parts.
        """
        promised = self.record.target.expected_size
        if promised is not None and self.record.state.sent + len(self._rest) + len(chunk) > promised:
            raise DataLoss(f"more than the {promised} promised bytes came")
        self._rest += chunk
        if self._hash is not None:
            await hashed(self._hash, chunk)
        while len(self._rest) >= self._part_bytes:
            await self._send(self._rest[: self._part_bytes])

    async def keep(self) -> None:
        """Make durable what came."""
        state = self.record.state
        if len(self._rest) != state.held:
            tail = f"{TAILS}/{self.record.upload_id}/{uuid.uuid4().hex}" if self._rest else ""
            if tail:
                await self._bucket.put(tail, self._rest)
            try:
                kept = msgspec.structs.replace(state, tail=tail, held=len(self._rest))
                self.record = await self._records.keep(self.record, kept)
            except Aborted:
                await discard(self._bucket, tail)
                raise
            await discard(self._bucket, state.tail)
        self._hashes.keep(self.record.upload_id, self.record.state.size, self._hash)

    async def _send(self, part: bytes) -> None:
        record, state = self.record, self.record.state
        number = len(state.tags) + 1
        if number > MAX_PARTS:
            raise ResourceExhausted(f"an upload that does not promise its size has at most {state.sent} bytes")
        if not state.multipart_id:
            state = msgspec.structs.replace(state, multipart_id=await self._bucket.multipart.begin(record.object))
            self.record = record = await self._records.keep(record, state)
        tag = await self._bucket.multipart.put(record.object, state.multipart_id, number, part)
        sent = msgspec.structs.replace(state, tags=(*state.tags, tag), sent=state.sent + len(part), tail="", held=0)
        self.record = await self._records.keep(record, sent)
        self._rest = self._rest[len(part) :]
        await discard(self._bucket, state.tail)


async def tail_of(bucket: Bucket, record: Record) -> bytes:
    """What came after the last whole part.

    Raises:
        DataLoss: the object store has lost it.
    """
    if not record.state.tail:
        return b""
    rest = await bucket.get(record.state.tail)
    if rest is None or len(rest) != record.state.held:
        raise DataLoss(f"the object store has lost a part of upload {record.upload_id}: begin it again")
    return rest
