"""The objects in a folder of a bucket."""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, Self

import msgspec
import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

from services.errors import FailedPrecondition, Unavailable
from services.files.stores.s3.failures import store_failures
from services.files.stores.s3.location import Credentials, Location
from services.files.stores.s3.multipart import Multipart

#: Seconds that obstore's threads get to end their work before the interpreter does: one that hands over a result while
#: the interpreter ends aborts the whole process (PyO3/pyo3-async-runtimes#40).
DRAIN = 0.2

#: Objects that one request removes.
_MAX_REMOVED = 1_000

_is_drained_at_exit = False


class Object(msgspec.Struct, frozen=True):
    """What a listing says of an object."""

    #: relative to the folder
    path: str
    #: bytes
    size: int
    #: seconds since the epoch
    modified_at: float


class Bucket:
    """Objects by their path in a folder. Raises as `failures.store_failures`; what may help is done again before."""

    def __init__(self, location: Location) -> None:
        """A bucket that opens with `async with`."""
        self.location = location
        self.multipart = Multipart(location)
        options: Any = {"timeout": timedelta(seconds=location.timeout), "connect_timeout": timedelta(seconds=5)}
        if location.endpoint.startswith("http:"):
            options["allow_http"] = True
        retry: Any = {"retry_timeout": timedelta(seconds=location.retry_for)}
        self._store = S3Store(
            location.bucket,
            prefix=location.prefix or None,
            endpoint=location.endpoint,
            region=location.region,
            config=_identity(location.credentials),
            virtual_hosted_style_request=False,
            client_options=options,
            retry_config=retry,
        )

    async def __aenter__(self) -> Self:
        """Find out that the bucket is there and ours to use.

        Raises:
            FailedPrecondition: it is not.
            Unavailable: the store does not answer.
        """
        _drain_at_exit()
        try:
            async for _ in self.list("blobs/nothing"):
                break
        except (FailedPrecondition, Unavailable) as error:
            await self.__aexit__()
            raise type(error)(f"{self.location} at {self.location.endpoint} cannot be used: {error.message}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.multipart.close()
        await asyncio.sleep(DRAIN)

    async def put(self, path: str, content: bytes) -> None:
        """Make an object in one step."""
        with store_failures(path):
            await obstore.put_async(self._store, path, content, use_multipart=False)

    async def put_new(self, path: str, content: bytes) -> bool:
        """Make an object unless there is one, and say whether it was made."""
        with store_failures(path):
            try:
                await obstore.put_async(self._store, path, content, use_multipart=False, mode="create")
            except AlreadyExistsError:
                return False
        return True

    async def get(self, path: str) -> bytes | None:
        """A small object, None when there is none."""
        with store_failures(path):
            try:
                return bytes(await (await obstore.get_async(self._store, path)).bytes_async())
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None

    async def read(self, path: str, start: int, end: int) -> memoryview:
        """The bytes of an object from start to end, at least one."""
        with store_failures(path):
            return memoryview(await obstore.get_range_async(self._store, path, start=start, end=end))

    async def size(self, path: str) -> int:
        """The bytes of an object."""
        with store_failures(path):
            return int((await obstore.head_async(self._store, path))["size"])

    async def remove(self, paths: Sequence[str]) -> None:
        """Remove objects; those that are not there are removed already."""
        for start in range(0, len(paths), _MAX_REMOVED):
            with store_failures("what is to be removed"):
                await obstore.delete_async(self._store, list(paths[start : start + _MAX_REMOVED]))

    async def list(self, prefix: str) -> AsyncIterator[list[Object]]:
        """The objects below a prefix, which ends where a folder does, some at a time."""
        listing = aiter(obstore.list(self._store, prefix, chunk_size=_MAX_REMOVED))
        while True:
            with store_failures("the list of objects"):
                page: Any = await anext(listing, None)
            if page is None:
                return
            yield [Object(it["path"], it["size"], it["last_modified"].timestamp()) for it in page]


def _identity(credentials: Credentials) -> Any:
    identity = {"access_key_id": credentials.key_id, "secret_access_key": credentials.secret}
    return identity | ({"session_token": credentials.token} if credentials.token else {})


def _drain_at_exit() -> None:
    global _is_drained_at_exit
    if not _is_drained_at_exit:
        _is_drained_at_exit = True
        atexit.register(time.sleep, DRAIN)
