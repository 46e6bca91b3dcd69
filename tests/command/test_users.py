"""Saying what users may have, from the command line to a running queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.command import users
from services.errors import InvalidArgument, NotFound, Unavailable
from services.queue.prompts import Queue
from services.queue.servicer import QueueServicer
from services.queue.stores.memory import MemoryStore
from services.rpc.server import serve


@pytest.fixture
async def address() -> AsyncIterator[str]:
    queue = Queue(MemoryStore())
    await queue.start()
    async with serve("127.0.0.1:0", [QueueServicer(queue).entry]) as server:
        yield server.address
        await queue.close()


async def listed(address: str, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The lines that are printed, in words."""
    capsys.readouterr()
    assert await asyncio.to_thread(users.show, users.Listed(queue=address)) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()[1:]]


async def test_what_is_not_given_stays(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def say(**limits: Any) -> None:
        assert await asyncio.to_thread(users.set_limits, users.Limits(user="ann", queue=address, **limits)) == 0

    assert await listed(address, capsys) == []
    await say(weight="2.5", max_waiting="10", deny_nodes="Load*, WebcamCapture")
    await say(max_running="0", allow_nodes="*")
    assert await listed(address, capsys) == [
        ["ann", "2.5", "10", "0", "*,", "not", "Load*,", "not", "WebcamCapture"],
    ]
    assert await asyncio.to_thread(users.unset, users.Unset(user="ann", queue=address)) == 0
    assert await listed(address, capsys) == []
    await say(weight="1")
    assert await listed(address, capsys) == [["ann", "1", "as", "all", "as", "all", "as", "all"]]


async def test_what_makes_no_sense_is_named(address: str) -> None:
    for limits, complaint in (({"weight": "much"}, "weight"), ({"max_waiting": "1.5"}, "max-waiting")):
        with pytest.raises(InvalidArgument, match=f"{complaint} is a number, not"):
            users.set_limits(users.Limits(user="ann", queue=address, **limits))  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await asyncio.to_thread(users.unset, users.Unset(user="ann", queue=address))


def test_without_a_queue_nothing_is_said() -> None:
    with pytest.raises(Unavailable):
        users.show(users.Listed(queue="127.0.0.1:1"))
