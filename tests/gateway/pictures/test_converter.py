"""Pictures are converted in processes that cannot hurt the gateway."""

from __future__ import annotations

import asyncio
import io
import resource
import signal
from collections.abc import AsyncIterator

import psutil
import pytest
from PIL import Image

from services.errors import DataLoss, Unavailable
from services.gateway.errors import BadRequest
from services.gateway.pictures import converter
from services.gateway.pictures.converter import PictureConverter, Source
from services.gateway.pictures.orders import Conversion

WEBP = Conversion(format="webp")


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), (1, 2, 3)).save(buffer, "PNG")
    return buffer.getvalue()


def source(content: bytes, *, chunk: int = 30) -> Source:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), chunk):
            yield content[start : start + chunk]

    return Source(len(content), chunks())


async def convert(pictures: PictureConverter, content: bytes) -> bytes:
    async with pictures.converted(WEBP, source(content)) as result:
        return b"".join([chunk async for chunk in result.content()])


def workers() -> list[psutil.Process]:
    return [it for it in psutil.Process().children() if "services.gateway.pictures.worker" in it.cmdline()]


async def test_a_process_serves_one_picture_after_the_other_and_ends_with_the_gateway() -> None:
    async with PictureConverter() as pictures:
        assert not workers()
        for _ in range(3):
            assert Image.open(io.BytesIO(await convert(pictures, png()))).format == "WEBP"
            with pytest.raises(BadRequest, match="not a picture"):
                await convert(pictures, b"no picture")
        assert len(workers()) == 1
    assert not workers()


async def test_as_many_processes_work_as_may_and_no_more() -> None:
    async with PictureConverter() as pictures:
        results = await asyncio.gather(*[convert(pictures, png()) for _ in range(8)])
        assert len(set(results)) == 1
        assert len(workers()) == converter.CONCURRENCY


async def test_a_process_that_does_not_answer_is_killed_and_the_next_one_works() -> None:
    async with PictureConverter(patience=6) as pictures:
        await convert(pictures, png())
        [stuck] = workers()
        stuck.suspend()
        with pytest.raises(BadRequest, match="within 6 seconds"):
            await convert(pictures, png())
        assert not workers()
        await convert(pictures, png())


async def test_a_process_that_dies_takes_its_picture_with_it_and_nothing_else() -> None:
    async with PictureConverter() as pictures:
        await convert(pictures, png())
        [dying] = workers()
        dying.send_signal(signal.SIGKILL)
        dying.wait(10)
        with pytest.raises(BadRequest, match="cannot be converted"):
            await convert(pictures, png())
        await convert(pictures, png())


async def test_a_source_that_breaks_off_leaves_no_process_half_fed() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise DataLoss("cut")

    async with PictureConverter() as pictures:
        with pytest.raises(DataLoss):
            async with pictures.converted(WEBP, Source(1000, broken())):
                pass
        assert not workers()
        await convert(pictures, png())


async def test_who_leaves_takes_the_process_along() -> None:
    async with PictureConverter() as pictures:
        await convert(pictures, png())
        [stuck] = workers()
        stuck.suspend()
        leaving = asyncio.create_task(convert(pictures, png()))
        await asyncio.sleep(0.1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert not workers()


async def test_more_than_can_wait_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converter, "MAX_WAITING", 2)
    async with PictureConverter() as pictures:
        answers = await asyncio.gather(*[convert(pictures, png()) for _ in range(9)], return_exceptions=True)
        refused = [it for it in answers if isinstance(it, Unavailable)]
        assert len(refused) == 9 - converter.CONCURRENCY - 2
        assert len([it for it in answers if isinstance(it, bytes)]) == 9 - len(refused)


async def test_a_process_knows_no_credentials_and_has_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILVERPRINT_API_KEY", "secret")
    async with PictureConverter() as pictures:
        await convert(pictures, png())
        [worker] = workers()
        assert "secret" not in worker.environ().values()
        for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
            assert resource.prlimit(worker.pid, limit) == (0, 0)
        assert resource.prlimit(worker.pid, resource.RLIMIT_AS)[1] <= 1 << 30
