"""What a worker prints, on its way to the queue."""

from __future__ import annotations

import asyncio

import pytest

from services.executor.log_relay import LogRelay
from services.executor.outbox import KEPT_CHARACTERS, KEPT_LINES, Outbox
from services.queue.logs import MAX_LINE, LogLine, LogLines

SECRET = b'{"api_key_comfy_org": "comfyui-0123456789", "auth_token_comfy_org": 7, "other": "plain"}'


async def relayed(*chunks: bytes, extra_data_json: bytes = b"{}") -> list[LogLine]:
    """The lines that the queue is told when a worker prints these."""
    outbox = Outbox()
    relay = LogRelay(outbox, lambda: "p")
    relay.conceal(extra_data_json)
    written = asyncio.StreamReader()
    following = asyncio.create_task(relay.follow(written))
    for chunk in chunks:
        written.feed_data(chunk)
        await asyncio.sleep(0.01)
    written.feed_eof()
    await relay.finish(following)
    outbox.close()
    told: list[LogLine] = []
    async for message in outbox.messages():
        assert isinstance(message, LogLines)
        told += message.lines
    return told


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ((b"one\ntwo\n",), ["one\n", "two\n"]),
        ((b"o", b"ne", b"\n\n \n"), ["one\n"]),
        ((b"no end",), ["no end\n"]),
        ((b"\r 1%", b"\r 2%\r", b" 3%\n"), [" 1%\r", " 2%\r", " 3%\n"]),
        ((b"dos\r\nline\r", b"\n"), ["dos\n", "line\r"]),
        (("é".encode()[:1], "é".encode()[1:] + b"\n"), ["é\n"]),
        ((b"\xff\n",), ["\ufffd\n"]),
    ],
)
async def test_lines_are_told_as_they_were_printed(chunks: tuple[bytes, ...], lines: list[str]) -> None:
    told = await relayed(*chunks)
    assert [line.text for line in told] == lines
    assert {line.prompt_id for line in told} == {"p"}


async def test_a_line_without_an_end_is_told_in_pieces() -> None:
    told = await relayed(*[b"x" * 1000] * 10)
    assert 1 < len(told) <= 10
    assert max(len(line.text) for line in told) <= MAX_LINE


async def test_what_nobody_could_read_is_not_told() -> None:
    told = await relayed(*[b"x" * (1 << 20) + b"\n"] * 10, b"end\n")
    assert told[-1].text == "end\n"
    assert sum(len(line.text) for line in told) <= KEPT_CHARACTERS


async def test_the_latest_of_too_many_lines_are_told() -> None:
    told = await relayed(b"".join(b"%d\n" % index for index in range(KEPT_LINES + 50)))
    assert [line.text for line in told] == [f"{index}\n" for index in range(50, KEPT_LINES + 50)]


async def test_credentials_of_the_prompt_are_not_told() -> None:
    printed = b"using comfyui-0123456789\nAuthorization: Bearer abcdef\nplain\n"
    told = await relayed(printed, extra_data_json=SECRET)
    assert [line.text for line in told] == ["using [concealed]\n", "Authorization: Bearer [concealed]\n", "plain\n"]
