"""What a user sees, stops and forgets: their own prompts, as if there were no others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from services.errors import AlreadyExists, NotFound
from services.queue.client import QueueClient
from services.queue.prompts import Queue
from services.queue.records import PromptOrder, PromptState, Search, Stats
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.running import run_one

EVERY_STATE = frozenset(PromptState)
FINISHED = frozenset(state for state in PromptState if state.is_terminal)
OPEN = EVERY_STATE - FINISHED


class View:
    """A queue, asked for one user; in process with the keyword, over a connection with the client of a user."""

    def __init__(self, queue: Queue, user: str) -> None:
        self._remote = queue.of(user) if isinstance(queue, QueueClient) else None
        self._queue: Any = self._remote or queue
        self._more = {} if self._remote else {"user": user}
        self._user = user

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._queue, name)
        return lambda *args, **more: method(*args, **more, **self._more)

    async def find(self, search: Search) -> Any:
        return await self._queue.find(msgspec.structs.replace(search, user_id=self._user))


async def submit(queue: Queue, number: int, user: str, **more: Any) -> str:
    of_user = msgspec.structs.replace(submission(number), user_id=user, **more)
    return (await queue.submit(of_user)).prompt_id


@pytest.fixture
async def executor(queue: Queue) -> AsyncIterator[FakeExecutor]:
    async with FakeExecutor(queue) as executor:
        yield executor


async def finish(queue: Queue, executor: FakeExecutor, number: int, user: str, **more: Any) -> str:
    of_user = msgspec.structs.replace(submission(number), user_id=user, **more)
    return await run_one(queue, executor, of_user)


def ids(page: Any) -> list[str]:
    return [prompt.prompt_id for prompt in page]


async def test_pages_counts_and_searches_have_nobody_elses(queue: Queue, executor: FakeExecutor) -> None:
    finished = [await finish(queue, executor, n, "ab"[n % 2], workflow_id="w") for n in range(6)]
    running = await submit(queue, 10, "a")
    await executor.assignment()
    waiting = [await submit(queue, 11 + n, "ab"[n % 2]) for n in range(4)]
    for user, offset in (("a", 0), ("b", 1), ("nobody", 6)):
        view = View(queue, user)
        done, open_ = finished[offset::2], [*waiting[offset::2], *([running] if user == "a" else [])]
        prompts, total = await view.list(EVERY_STATE)
        assert (ids(prompts), total) == ([*open_, *done], len(open_) + len(done))
        assert ids(await view.keys(FINISHED, limit=2, from_end=True)) == done[-2:]
        assert ids((await view.list(FINISHED, limit=1, offset=1))[0]) == done[1:2]
        assert ids((await view.list({PromptState.SUCCEEDED}, limit=2, from_end=True))[0]) == done[-2:]
        assert await view.stats() == Stats(len(open_) - (user == "a"), int(user == "a"))
        for order in PromptOrder:
            found, known = await view.find(Search(states=FINISHED, order=order))
            assert (set(ids(found)), known) == (set(done), len(done))
        found, known = await view.find(Search(states=FINISHED, workflow_id="w", limit=2))
        assert (ids(found), known) == (done[::-1][:2], len(done))
    assert (await queue.list(EVERY_STATE))[1] == 11


async def test_others_prompts_are_not_there(queue: Queue, executor: FakeExecutor) -> None:
    prompt_id = await finish(queue, executor, 1, "a")
    for method in ("get", "export"):
        await getattr(View(queue, "a"), method)(prompt_id)
        with pytest.raises(NotFound, match=f"there is no prompt {prompt_id}"):
            await getattr(View(queue, "b"), method)(prompt_id)
    async with aclosing(View(queue, "a").watch(prompt_id)) as batches:
        assert await anext(batches)
    with pytest.raises(NotFound, match=f"there is no prompt {prompt_id}"):
        async with aclosing(View(queue, "b").watch(prompt_id)) as batches:
            await anext(batches)


async def test_nobody_stops_what_is_anothers(queue: Queue, executor: FakeExecutor) -> None:
    running = await submit(queue, 1, "a")
    await executor.assignment()
    waiting = await submit(queue, 2, "a")
    stranger = View(queue, "b")
    for chosen in (None, [running, waiting]):
        assert await stranger.cancel(chosen) == []
        assert (await stranger.interrupt(chosen)).asked == []
    with pytest.raises(NotFound, match=f"there is no prompt {running}"):
        await stranger.stop([running])
    assert await View(queue, "a").cancel(None) == [waiting]
    assert (await View(queue, "a").interrupt(None)).asked == [running]


async def test_nobody_forgets_what_is_anothers(queue: Queue, executor: FakeExecutor) -> None:
    mine, theirs = [[await finish(queue, executor, 10 * n + m, "ab"[n]) for m in range(3)] for n in range(2)]
    stranger = View(queue, "b")
    assert await stranger.forget(mine) == []
    assert set(await stranger.forget([*mine, theirs[0]])) == {theirs[0]}
    assert set(await stranger.forget(None)) == set(theirs[1:])
    assert ids((await queue.list(FINISHED))[0]) == mine
    assert (await stranger.forget_finished(1e12)).count == 0
    assert (await View(queue, "a").forget_finished(1e12)).count == 3
    assert (await queue.list(FINISHED))[1] == 0


async def test_an_id_that_is_anothers_tells_nothing_of_the_prompt(queue: Queue, executor: FakeExecutor) -> None:
    await submit(queue, 1, "a", prompt_id="taken")
    with pytest.raises(AlreadyExists) as refused:
        await submit(queue, 1, "b", prompt_id="taken")
    assert refused.value.message == "prompt taken exists already, and it is a different one"


async def test_the_user_without_a_name_is_one_as_well(queue: Queue, executor: FakeExecutor) -> None:
    nameless, _ = await finish(queue, executor, 1, ""), await finish(queue, executor, 2, "a")
    assert ids((await View(queue, "").list(FINISHED))[0]) == [nameless]
    assert ids(await View(queue, "").keys(FINISHED, limit=5)) == [nameless]
