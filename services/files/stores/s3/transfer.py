"""A content that is on its way into the bucket in parts."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from services.errors import ResourceExhausted, ServiceError
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.failures import NoSuchUpload
from services.files.stores.s3.multipart import MAX_PARTS

#: Bytes of a part; contents up to this are stored in one request. S3 takes parts from 5 MiB on.
PART_BYTES = 8 << 20

#: Parts of one content that are sent at the same time, each held in memory until it is there.
PARALLEL = 2


def part_bytes(expected_size: int | None) -> int:
    """The size of the parts of a content: larger for one that is known to be so large that there would be too many."""
    least = -(-(expected_size or 0) // MAX_PARTS)
    return max(PART_BYTES, -(-least // (1 << 20)) << 20)


class Transfer:
    """A multipart upload that is completed, or aborted, in this process."""

    def __init__(self, bucket: Bucket, path: str) -> None:
        """A transfer to an object; it begins with the first part."""
        self._bucket = bucket
        self.path = path
        self._upload_id = ""
        self._sending: list[asyncio.Task[str]] = []
        self._size = 0

    async def add(self, part: bytes) -> None:
        """Send a part; returns while it is on its way.

        Raises:
            ResourceExhausted: there are too many.
            ServiceError: an earlier part could not be sent.
        """
        if len(self._sending) == MAX_PARTS:
            raise ResourceExhausted(f"a content that does not promise its size has at most {self._size} bytes")
        if not self._upload_id:
            self._upload_id = await self._bucket.multipart.begin(self.path)
        if len(self._sending) >= PARALLEL:
            await self._sending[-PARALLEL]
        put = self._bucket.multipart.put(self.path, self._upload_id, len(self._sending) + 1, part)
        self._sending.append(asyncio.create_task(put))
        self._size += len(part)

    async def complete(self) -> None:
        """Make the object of the parts.

        Raises:
            ServiceError: a part could not be sent, or was lost.
        """
        tags = [await sending for sending in self._sending]
        # A request whose answer was lost may have completed it already.
        with suppress(NoSuchUpload):
            await self._bucket.multipart.complete(self.path, self._upload_id, tags)
        size = await self._bucket.size(self.path)
        if size != self._size:
            raise ServiceError(f"the object store made {size} bytes of {self._size}")

    async def give_up(self) -> None:
        """Leave nothing of it in the bucket, if the bucket can be reached; otherwise it is garbage."""
        for sending in self._sending:
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._upload_id:
            with suppress(ServiceError):
                await self._bucket.multipart.abort(self.path, self._upload_id)
