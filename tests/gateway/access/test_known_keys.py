"""What is remembered of keys."""

from __future__ import annotations

import asyncio

import pytest

from services.errors import Unauthenticated, Unavailable
from services.gateway.access import known_keys
from services.gateway.access.known_keys import KnownKeys
from services.queue.api_keys.records import ApiKey
from services.queue.api_keys.secret import Secret

KEY = ApiKey(key_id="0" * 12, user_id="alice", created_at=0.0)


class Asked:
    """A queue that knows some keys, counts questions, and can be away."""

    def __init__(self, *good: str) -> None:
        self.good = set(good)
        self.questions = 0
        self.at_once = self.most_at_once = 0
        self.is_away = False

    async def __call__(self, text: str) -> ApiKey:
        self.questions += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.001)
        self.at_once -= 1
        if self.is_away:
            raise Unavailable("the queue is away")
        if text not in self.good:
            raise Unauthenticated("this is not a key")
        return KEY


def text() -> str:
    return str(Secret.new())


async def test_the_queue_is_asked_once_for_many() -> None:
    asked = Asked(key := text())
    known = KnownKeys(asked)
    assert await asyncio.gather(*(known.find(key) for _ in range(100))) == [KEY] * 100
    assert await known.find(key) == KEY
    assert asked.questions == 1


async def test_what_is_no_key_is_remembered_as_such_and_what_looks_like_none_is_not_asked_about() -> None:
    known = KnownKeys(asked := Asked())
    wrong = text()
    for shown in (wrong, wrong, "x", ""):
        with pytest.raises(Unauthenticated):
            await known.find(shown)
    assert asked.questions == 1


async def test_a_flood_of_wrong_keys_is_slow_for_strangers_alone() -> None:
    asked = Asked(key := text())
    known = KnownKeys(asked)
    await known.find(key)
    flood = [asyncio.create_task(known.find(text())) for _ in range(known_keys.MAX_KEYS + 100)]
    await asyncio.sleep(0)
    assert await known.find(key) == KEY
    assert all(isinstance(error, Unauthenticated) for error in await asyncio.gather(*flood, return_exceptions=True))
    assert asked.most_at_once <= known_keys.MAX_QUESTIONS
    assert len(known._bad) == known_keys.MAX_KEYS
    assert await known.find(key) == KEY
    assert asked.questions == len(flood) + 1


async def test_a_known_key_outlives_the_queue_for_a_while_and_a_new_one_is_not_let_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked(key := text(), other := text())
    known = KnownKeys(asked)
    await known.find(key)
    asked.is_away = True
    monkeypatch.setattr(known_keys, "FRESH", 0.0)
    assert await known.find(key) == KEY
    with pytest.raises(Unavailable):
        await known.find(other)
    monkeypatch.setattr(known_keys, "OUTAGE_PATIENCE", 0.0)
    with pytest.raises(Unavailable):
        await known.find(key)
