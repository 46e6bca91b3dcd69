"""A client raises what the server raised, whatever the shape of the call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from services import errors
from services.errors import DeadlineExceeded, InvalidArgument, NotFound, ServiceError, Unavailable
from services.rpc.channel import call, open_channel
from services.rpc.server import serve
from services.rpc.status import STATUS, error_of, status_of
from tests.rpc.servicer import NAME, SHAPES, Scripted, answers, ask

CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, ServiceError)]


class Particular(NotFound):
    """A more particular one."""


def test_every_error_has_a_status_of_its_own() -> None:
    assert set(STATUS) == set(CLASSES)
    assert len(set(STATUS.values())) == len(CLASSES)


def test_a_particular_error_has_the_status_of_its_kind() -> None:
    assert status_of(Particular("where?")) is grpc.StatusCode.NOT_FOUND


def test_an_error_without_a_message_says_what_its_class_says() -> None:
    assert NotFound().message == "There is no such thing."


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
async def test_the_client_raises_what_the_server_raised(cls: type[ServiceError], shape: str) -> None:
    async with (
        serve("127.0.0.1:0", [Scripted(cls("no, because")).entry]) as server,
        open_channel(server.address) as channel,
    ):
        received = []
        with pytest.raises(cls, match="no, because") as raised:
            async for answer in answers(channel, shape):
                received.append(answer)  # noqa: PERF401 - it raises in the middle
        assert type(raised.value) is cls
        assert len(received) == (1 if shape.endswith("Stream") else 0)


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_an_error_tells_programs_arrives(shape: str) -> None:
    full = errors.ResourceExhausted("full", reason="queue_full", retry_after=1.2345)
    async with serve("127.0.0.1:0", [Scripted(full).entry]) as server, open_channel(server.address) as channel:
        with pytest.raises(errors.ResourceExhausted) as raised:
            async for _ in answers(channel, shape):
                pass
    assert (raised.value.reason, raised.value.retry_after) == ("queue_full", 1.235)
    cause = raised.value.__cause__
    assert isinstance(cause, grpc.aio.AioRpcError)
    assert ("grpc-retry-pushback-ms", "1235") in tuple(cause.trailing_metadata())


@pytest.mark.parametrize("shape", SHAPES)
async def test_answers_pass_when_nothing_is_raised(shape: str) -> None:
    async with serve("127.0.0.1:0", [Scripted().entry]) as server, open_channel(server.address) as channel:
        received = [answer async for answer in answers(channel, shape)]
        assert received == [b"x"] * (2 if shape.endswith("Stream") else 1)


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_bug_is_logged_and_not_told(shape: str, caplog: pytest.LogCaptureFixture) -> None:
    async with (
        serve("127.0.0.1:0", [Scripted(KeyError("secret")).entry]) as server,
        open_channel(server.address) as channel,
    ):
        with pytest.raises(ServiceError, match="internal error") as raised:
            async for _ in answers(channel, shape):
                pass
        assert type(raised.value) is ServiceError
        assert "secret" not in raised.value.message
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None and "secret" in str(record.exc_info[1])


async def test_an_unknown_method_is_unimplemented() -> None:
    async with serve("127.0.0.1:0", [Scripted().entry]) as server, open_channel(server.address) as channel:
        with pytest.raises(errors.Unimplemented):
            await ask(channel, method="Nothing")


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    async with serve("127.0.0.1:0", []) as server:
        address = server.address
    async with open_channel(address) as channel:
        with pytest.raises(Unavailable):
            await ask(channel)


async def test_a_deadline_that_passes_is_deadline_exceeded() -> None:
    async def without_end() -> AsyncIterator[bytes]:
        yield b""
        await asyncio.Event().wait()

    async with serve("127.0.0.1:0", [Scripted().entry]) as server, open_channel(server.address) as channel:
        with pytest.raises(DeadlineExceeded):
            method: Any = channel.stream_unary(f"/{NAME}/StreamUnary")
            await call(method(without_end(), timeout=0.05))


def test_a_status_without_details_becomes_the_error_s_own_words() -> None:
    empty = grpc.aio.Metadata()
    error = grpc.aio.AioRpcError(grpc.StatusCode.INVALID_ARGUMENT, empty, empty)
    assert error_of(error).message == InvalidArgument().message
