"""Clients that drag things out, on real connections: each is answered or dropped, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from services.gateway import bodies, connection
from tests.gateway.stack import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Seconds until something that surely happens has happened.
PATIENCE = 30

GET = b"GET /features HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /prompt HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Client:
    """A connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes, pause: float = 0) -> None:
        """Send bytes for as long as the other side takes them."""
        try:
            for part in parts:
                self._writer.write(part)
                await self._writer.drain()
                await asyncio.sleep(pause)
        except ConnectionError:
            return

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        async with asyncio.timeout(PATIENCE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("content-length"))
            return int(head.split()[1]), await self._reader.readexactly(int(length))

    async def refusal(self) -> tuple[int, str]:
        """Status and type of an answer in the documented shape, after which the connection is closed."""
        status, body = await self.answer()
        answer = json.loads(body)
        assert answer["node_errors"] == {}
        assert answer["error"].keys() == {"type", "message", "details", "extra_info"}
        await self.closed()
        return status, answer["error"]["type"]

    async def closed(self) -> None:
        """Return once the other side has closed, without having said more."""
        async with asyncio.timeout(PATIENCE):
            try:
                assert await self._reader.read() == b""
            except ConnectionError:
                return


@asynccontextmanager
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that waits for half a second at most."""
    for name in ("HEAD_SECONDS", "LINGER_SECONDS", "STALL_SECONDS"):
        monkeypatch.setattr(connection, name, 0.5)
    monkeypatch.setattr(bodies, "GRACE", 0.5)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _works_for_others(shared: Gateway) -> AsyncIterator[None]:
    yield
    assert (await shared.http.get("/features")).status_code == 200


@pytest.mark.parametrize("begun", [GET, b"G", GET + b"X: " + b"x" * 1000])
@pytest.mark.usefixtures("hurried")
async def test_half_a_head_is_waited_for_a_while(shared: Gateway, begun: bytes) -> None:
    async with client(shared) as slow:
        await slow.send(begun)
        assert await slow.refusal() == (408, "too_slow")


@pytest.mark.usefixtures("hurried")
async def test_a_head_that_comes_byte_by_byte_is_too_slow(shared: Gateway) -> None:
    async with client(shared) as slow:
        dripping = asyncio.create_task(slow.send(GET + b"X: ", *[b"x"] * 1000, pause=0.05))
        assert await slow.refusal() == (408, "too_slow")
        await dripping


@pytest.mark.usefixtures("hurried")
async def test_the_second_head_of_a_connection_is_waited_for_as_long(shared: Gateway) -> None:
    async with client(shared) as slow:
        await slow.send(GET + b"\r\n")
        assert (await slow.answer())[0] == 200
        await slow.send(GET)
        assert await slow.refusal() == (408, "too_slow")


@pytest.mark.parametrize("said", [b"", b"\r\n"])
@pytest.mark.usefixtures("hurried")
async def test_who_says_nothing_is_hung_up_on(shared: Gateway, said: bytes) -> None:
    async with client(shared) as silent:
        await silent.send(said)
        if said:
            assert (await silent.refusal())[0] == 408
        else:
            await silent.closed()


@pytest.mark.parametrize("path", ["/prompt", "/queue", "/upload/image"])
@pytest.mark.usefixtures("hurried")
async def test_a_body_that_comes_drop_by_drop_is_too_slow(shared: Gateway, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    async with client(shared) as slow:
        await slow.send(head.encode() + b"Content-Length: 100000\r\n\r\n--b\r\n")
        dripping = asyncio.create_task(slow.send(*[b"x"] * 1000, pause=0.05))
        assert await slow.refusal() == (408, "too_slow")
        await dripping


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
        GET + b"X: y\r\n" * 20_000 + b"\r\n",
        GET + b"x" * 100_000 + b": y\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        GET + b"X: " + b"x" * 10_000_000,
    ],
    ids=["value", "many", "name", "path", "endless"],
)
async def test_a_head_longer_than_heads_are_is_refused(shared: Gateway, head: bytes) -> None:
    async with client(shared) as long:
        sending = asyncio.create_task(long.send(*[head[at : at + 4096] for at in range(0, len(head), 4096)]))
        assert (await long.answer())[0] == 431
        await sending


@pytest.mark.parametrize(
    "endless",
    [b"1;" + b"x" * 1000, b"1\r\nx\r\n0\r\nX: " + b"x" * 1000],
    ids=["extension", "trailer"],
)
async def test_what_is_around_a_body_has_an_end(shared: Gateway, endless: bytes) -> None:
    async with client(shared) as long:
        sending = asyncio.create_task(long.send(CHUNKED + endless, *[b"x" * 4096] * 5000))
        assert (await long.answer())[0] == 431
        await sending


async def test_a_chunked_body_without_an_end_is_too_large(shared: Gateway) -> None:
    async with client(shared) as endless:
        part = b"10000\r\n" + b" " * 65536 + b"\r\n"
        sending = asyncio.create_task(endless.send(CHUNKED, *[part] * 1000))
        assert (await endless.answer())[0] == 413
        sending.cancel()


async def test_halves_of_bodies_do_not_fill_memory(shared: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_ARRIVING", 5 << 19)
    half = POST + b"Content-Length: 2000000\r\n\r\n" + bytes(1 << 20)
    async with client(shared) as first, client(shared) as second, client(shared) as third:
        for waiting in (first, second, third):
            await waiting.send(half)
        answers = [asyncio.create_task(it.answer()) for it in (first, second, third)]
        done, pending = await asyncio.wait(answers, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        assert [(await it)[0] for it in done] == [503]
        assert len(pending) == 2
        for left in pending:
            left.cancel()
    answer = await shared.http.post("/prompt", content=b" " * (2 << 20))
    assert answer.json()["error"]["type"] == "invalid_json"


@pytest.mark.usefixtures("hurried")
async def test_what_follows_an_early_answer_is_read_for_a_while(shared: Gateway) -> None:
    head = b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000000\r\n\r\n"
    async with client(shared) as stubborn:
        sending = asyncio.create_task(
            stubborn.send(
                b"POST /upload/image HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head, *[b"x" * 4096] * 1000, pause=0.05
            )
        )
        assert (await stubborn.refusal())[0] == 413
        await sending


async def test_who_wants_to_be_hung_up_on_sees_an_early_answer(shared: Gateway) -> None:
    size = 120 << 20
    head = f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    async with client(shared) as simple:  # as Python's urllib, which reads nothing until it has sent all
        await simple.send(
            b"POST /upload/image HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head.encode(), *[bytes(1 << 20)] * 120
        )
        assert (await simple.refusal())[0] == 413


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        GET + b"X\r\n\r\n",
        GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        POST + b"Content-Length: abc\r\n\r\n",
        CHUNKED + b"zz\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_in_the_usual_words(shared: Gateway, said: bytes) -> None:
    async with client(shared) as strange:
        await strange.send(said)
        assert (await strange.refusal())[0] == 400


@pytest.mark.usefixtures("hurried")
async def test_who_stops_reading_is_dropped(shared: Gateway) -> None:
    await shared.store("large.bin", bytes(32 << 20))
    async with client(shared) as stuck:
        await stuck.send(b"GET /view?filename=large.bin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await asyncio.sleep(1)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            for _ in range(1000):
                await stuck.answer()


async def test_requests_in_a_row_are_answered_in_a_row(shared: Gateway) -> None:
    async with client(shared) as hasty:
        await hasty.send(
            b"".join(GET.replace(b"features", path) + b"\r\n" for path in (b"prompt", b"features", b"queue"))
        )
        bodies_: list[Any] = [json.loads((await hasty.answer())[1]) for _ in range(3)]
        assert [next(iter(body)) for body in bodies_] == ["exec_info", "supports_preview_metadata", "queue_pending"]


async def test_options_of_everything_are_welcome(shared: Gateway) -> None:
    async with client(shared) as asking:
        await asking.send(b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert await asking.answer() == (200, b"")
