"""An object store that times out, throttles, loses and forgets: what callers hear, and what is left of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from services.errors import DataLoss, FailedPrecondition, NotFound, ServiceError, Unavailable
from services.files.chunks import CHUNK_BYTES
from services.files.records import FileKind, OnConflict, Target
from services.files.stores.names.sqlite import SqliteNames
from services.files.stores.s3 import reading, transfer
from services.files.stores.s3.bucket import Bucket
from services.files.stores.s3.location import Credentials, Location
from services.files.stores.s3.store import S3Store
from tests.contract.files.operations import get, output, put
from tests.fault_proxy import Fault, FaultProxy

#: Bytes of a part: as few as S3 takes.
PART_BYTES = 5 << 20

#: Two parts and some more, so that there is a multipart upload.
LARGE = os.urandom(2 * PART_BYTES + 12_345)

#: Times that a request fails and is made again.
OFTEN = 2


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PART_BYTES", PART_BYTES)
    monkeypatch.setattr(reading, "RANGE_BYTES", PART_BYTES)


def through(proxy: FaultProxy, location: Location, timeout: float, retry_for: float) -> Bucket:
    """The bucket beyond the proxy; times in seconds, see `Location`."""
    where = (location.bucket, location.prefix, proxy.endpoint, location.region, location.credentials)
    return Bucket(Location(*where, timeout, retry_for))


@pytest.fixture
async def store(location: Location, proxy: FaultProxy, names: SqliteNames) -> AsyncIterator[S3Store]:
    """A store beyond the proxy that gives up soon, but gives every answer the time that a busy machine takes."""
    async with S3Store(through(proxy, location, 30.0, 1.0), names) as store:
        yield store


@pytest.fixture
async def patient(location: Location, proxy: FaultProxy, names: SqliteNames) -> AsyncIterator[S3Store]:
    """A store beyond the proxy that does again what failed for as long as a test may take."""
    async with S3Store(through(proxy, location, 30.0, 30.0), names) as store:
        yield store


@pytest.fixture
async def hasty(location: Location, proxy: FaultProxy, names: SqliteNames) -> AsyncIterator[S3Store]:
    """A store beyond the proxy that waits for no answer that takes long."""
    async with S3Store(through(proxy, location, 3.0, 1.0), names) as store:
        yield store


async def left(location: Location) -> list[str]:
    """Everything in the bucket that takes space, unfinished uploads too."""
    async with Bucket(location) as bucket:
        objects = [found.path async for page in bucket.list("blobs") for found in page]
        objects += [found.path async for page in bucket.list("uploads") for found in page]
        return objects + [f"unfinished {upload.path}" async for upload in bucket.multipart.unfinished("blobs/")]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault.REFUSE, "slow down.*try again"),
        (Fault.FAIL, "failed.*try again"),
        (Fault.CUT, "cannot be reached.*try again"),
    ],
)
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["whole", "in parts"])
async def test_a_write_that_the_store_does_not_take_says_so_and_leaves_nothing(
    store: S3Store, proxy: FaultProxy, location: Location, fault: Fault, says: str, content: bytes
) -> None:
    proxy.inject(fault, "PUT")
    with pytest.raises(Unavailable, match=says):
        await store.write(output("a"), chunks(content), OnConflict.FAIL)
    proxy.heal()
    assert await store.list(FileKind.OUTPUT) == ([], "")
    assert await left(location) == []
    assert (await store.write(output("a"), chunks(content), OnConflict.FAIL)).size == len(content)
    assert await get(store, output("a")) == content


async def test_a_write_that_is_never_answered_says_so_and_leaves_nothing(
    hasty: S3Store, proxy: FaultProxy, location: Location
) -> None:
    for target in ("partNumber=2", "blobs/[^?]*$"):
        proxy.inject(Fault.HANG, "PUT", target)
        with pytest.raises(Unavailable, match="did not answer in time.*try again"):
            await hasty.write(output("a"), chunks(LARGE if "part" in target else b"small"), OnConflict.FAIL)
    assert await hasty.list(FileKind.OUTPUT) == ([], "")
    assert await left(location) == []


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.FAIL, Fault.CUT, Fault.FORGET_TO_ANSWER])
async def test_what_fails_for_a_moment_is_done_again(patient: S3Store, proxy: FaultProxy, fault: Fault) -> None:
    for method, target in (
        ("POST", r"\?uploads="),
        ("PUT", "partNumber=2"),
        ("POST", r"\?uploadId="),
        ("HEAD", ""),
        ("GET", "blobs"),
    ):
        proxy.inject(fault, method, target, times=OFTEN)
    await patient.write(output("a"), chunks(LARGE), OnConflict.FAIL)
    assert await get(patient, output("a")) == LARGE


async def test_a_part_that_the_store_lost_is_told_and_leaves_nothing(
    store: S3Store, proxy: FaultProxy, location: Location
) -> None:
    proxy.inject(Fault.LOSE, "PUT", "partNumber=2")
    with pytest.raises(Unavailable, match="lost a part.*send it again"):
        await store.write(output("a"), chunks(LARGE), OnConflict.FAIL)
    proxy.heal()
    with pytest.raises(NotFound):
        await store.stat(output("a"))
    assert await left(location) == []


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.HANG, Fault.CUT])
async def test_a_read_that_the_store_does_not_answer_says_so(hasty: S3Store, proxy: FaultProxy, fault: Fault) -> None:
    store = hasty
    await store.write(output("a"), chunks(LARGE), OnConflict.FAIL)
    async with store.open(output("a")) as file:
        read = aiter(file)
        assert await anext(read) == LARGE[:CHUNK_BYTES]
        proxy.inject(fault, "GET", "blobs")
        with pytest.raises(Unavailable, match="try again"):
            while True:
                await anext(read)
    proxy.heal()
    assert await get(store, output("a"), offset=PART_BYTES, length=10) == LARGE[PART_BYTES : PART_BYTES + 10]


async def test_an_answer_that_breaks_off_is_asked_for_again(patient: S3Store, proxy: FaultProxy) -> None:
    store = patient
    await store.write(output("a"), chunks(LARGE), OnConflict.FAIL)
    proxy.inject(Fault.SHORTEN, "GET", "blobs", times=OFTEN)
    assert await get(store, output("a")) == LARGE


async def test_an_object_that_is_gone_is_data_loss(store: S3Store, location: Location) -> None:
    await put(store, output("a"), b"content")
    async with Bucket(location) as bucket:
        await bucket.remove(await left(location))
    with pytest.raises(DataLoss, match="lost"):
        await get(store, output("a"))


async def test_an_upload_goes_on_where_a_fault_ended_it(store: S3Store, proxy: FaultProxy) -> None:
    upload = await store.begin_upload(Target(output("a"), OnConflict.FAIL, expected_size=len(LARGE)))
    proxy.inject(Fault.CUT, "PUT", "partNumber=2")
    with pytest.raises(Unavailable):
        await store.append_upload(upload.upload_id, 0, chunks(LARGE))
    proxy.heal()
    upload = await store.get_upload(upload.upload_id)
    assert upload.offset >= PART_BYTES
    upload = await store.append_upload(upload.upload_id, upload.offset, chunks(LARGE[upload.offset :]))
    proxy.inject(Fault.REFUSE, "POST", r"\?uploadId=")
    with pytest.raises(Unavailable):
        await store.commit_upload(upload.upload_id, len(LARGE))
    proxy.heal()
    await store.commit_upload(upload.upload_id, len(LARGE))
    assert await get(store, output("a")) == LARGE


async def test_a_bucket_that_is_away_or_refuses_us_is_told_at_the_start(
    location: Location, proxy: FaultProxy, names: SqliteNames
) -> None:
    def elsewhere(endpoint: str, bucket: str = location.bucket, secret: str = "testsecret") -> Location:
        return Location(bucket, "p", endpoint, location.region, Credentials("testkey", secret), 1.0, 1.0)

    proxy.inject(Fault.HANG, "GET")
    cases: list[tuple[Location, type[ServiceError], str]] = [
        (elsewhere(proxy.endpoint), Unavailable, "did not answer in time"),
        (elsewhere("http://127.0.0.1:1"), Unavailable, "127.0.0.1:1 cannot be used"),
        (elsewhere(location.endpoint, secret="wrong"), FailedPrecondition, "does not let us"),
        (elsewhere(location.endpoint, bucket="nobody-made-it"), FailedPrecondition, "there is no bucket"),
    ]
    for there, error, says in cases:
        with pytest.raises(error, match=says) as raised:
            async with S3Store(Bucket(there), names):
                pass
        assert "secret" not in str(raised.value)
