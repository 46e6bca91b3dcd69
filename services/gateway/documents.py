"""JSON objects that are kept as files, such as the settings of a user.

Several gateways, and the people whose files they are, may change one at the same time. A change is made to what was
read, and written only while the file is still that; otherwise it is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

import msgspec
from blake3 import blake3

from services.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from services.files.client import FileClient
from services.files.records import FileName, OnConflict
from services.gateway.errors import BadRequest, BodyTooLarge
from services.gateway.raw_json import members

#: Longest document, in bytes: taking it apart must not keep others waiting.
MAX_BYTES = 2 << 20

#: Times that a change is made before somebody is told to try again.
ATTEMPTS = 50

Document = dict[str, msgspec.Raw]


class Documents:
    """The documents of a file service, written so that people can read them."""

    def __init__(self, files: FileClient) -> None:
        self._files = files
        # Those who change a document through this gateway wait for each other rather than in vain.
        self._changing: WeakValueDictionary[FileName, asyncio.Lock] = WeakValueDictionary()

    async def read(self, name: FileName) -> Document:
        """A document; the empty one where there is no file.

        Raises:
            FailedPrecondition: the file holds something else.
        """
        content = await self._content(name)
        return {} if content is None else _parsed(name, content)

    async def change(self, name: FileName, change: Callable[[Document], None]) -> None:
        """Have a document changed in place; `change` may be called several times, what it raises passes through.

        Raises:
            FailedPrecondition: the file holds something else.
            BadRequest: a value is not JSON.
            BodyTooLarge: the document grows too long.
            Aborted: others change it all the time.
        """
        lock = self._changing.setdefault(name, asyncio.Lock())
        async with lock:
            for _ in range(ATTEMPTS):
                if await self._changed(name, change):
                    return
        raise Aborted(f"{name} is being changed by others, try again")

    async def _changed(self, name: FileName, change: Callable[[Document], None]) -> bool:
        """Whether a change was written, since nobody else wrote meanwhile."""
        before = await self._content(name)
        document = {} if before is None else _parsed(name, before)
        change(document)
        after = _written(document)
        owner = name.subfolder.partition("/")[0]  # of documents, which are users'
        try:
            if before is None:
                await self._files.put(name, after, OnConflict.FAIL, owner=owner)
            elif before != after:
                digest = blake3(before).hexdigest()
                await self._files.put(name, after, OnConflict.OVERWRITE, replaced_blake3=digest, owner=owner)
        except (Aborted, AlreadyExists):
            return False
        return True

    async def _content(self, name: FileName) -> bytes | None:
        try:
            async with self._files.open(name) as file:
                if file.info.size > MAX_BYTES:
                    raise FailedPrecondition(f"{name} is longer than {MAX_BYTES} bytes")
                return await file.read()
        except NotFound:
            return None


def _parsed(name: FileName, content: bytes) -> Document:
    try:
        return members(content, str(name))
    except InvalidArgument as error:
        raise FailedPrecondition(error.message) from error


def _written(document: Document) -> bytes:
    try:
        content = msgspec.json.format(msgspec.json.encode(document), indent=4)
    except msgspec.DecodeError as error:
        raise BadRequest(f"a value is not JSON: {error}", type="invalid_json") from error
    if len(content) > MAX_BYTES:
        raise BodyTooLarge(MAX_BYTES)
    return content
