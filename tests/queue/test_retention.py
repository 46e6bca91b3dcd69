"""What is kept of the history."""

from __future__ import annotations

from pathlib import Path

from services.queue.prompts import Queue
from services.queue.records import PromptState
from services.queue.retention import DAY, INTERVAL, PAUSE, PORTION, Limits
from services.queue.stores.memory import MemoryStore
from services.queue.stores.sqlite import SqliteStore
from tests.contract.test_queue_store import finish
from tests.queue.clock import ManualClock
from tests.queue.watching import eventually

ENDED = [state for state in PromptState if state.is_terminal]


async def ids(queue: Queue) -> list[str]:
    prompts, _ = await queue.list(ENDED)
    return [prompt.prompt_id for prompt in prompts]


async def test_more_than_are_wanted_are_swept_up_the_oldest_first(clock: ManualClock) -> None:
    store = MemoryStore()
    queue = Queue(store, clock=clock, history=Limits(prompts=2))
    await queue.start()
    for number in range(2 * PORTION + 5):
        await finish(store, str(number), now=clock.now() + number)

    async def is_swept() -> bool:
        clock.advance(PAUSE)
        return await ids(queue) == [str(2 * PORTION + 3), str(2 * PORTION + 4)]

    clock.advance(INTERVAL)
    await eventually(is_swept)
    await queue.close()


async def test_what_is_older_than_is_wanted_is_swept_up(clock: ManualClock) -> None:
    store = MemoryStore()
    await finish(store, "old", now=clock.now() - 2 * DAY - 1)
    await finish(store, "new", now=clock.now() - 2 * DAY + 1)
    queue = Queue(store, clock=clock, history=Limits(days=2.0))
    await queue.start()

    async def is_swept() -> bool:
        return await ids(queue) == ["new"]

    await eventually(is_swept)
    await queue.close()


async def test_without_limits_everything_stays(clock: ManualClock) -> None:
    store = MemoryStore()
    await finish(store, "p", now=1.0)
    queue = Queue(store, clock=clock)
    await queue.start()
    clock.advance(1000 * DAY)
    assert await ids(queue) == ["p"]
    await queue.close()


async def test_the_file_of_a_history_that_is_swept_does_not_grow(tmp_path: Path) -> None:
    """SQLite uses the pages of what was deleted again."""
    file = tmp_path / "queue.sqlite3"
    store = await SqliteStore.open(file)
    pages = []
    for round in range(3):
        for number in range(30):
            await finish(store, f"{round}-{number}", now=float(number))
        assert len(await store.forget_oldest(limit=100)) == 30
        pages.append(await store._writer.run(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0]))
    assert pages[-1] <= pages[0] + 2
    await store.close()
