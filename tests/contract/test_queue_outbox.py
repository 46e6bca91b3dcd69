"""What every store does with deliveries of webhooks."""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec

from services.graph.events import ExecutionSucceeded
from services.queue import life as lives
from services.queue.life import Step
from services.queue.stores.base import QueueStore
from services.queue.webhooks.records import Delivery, DeliverySearch, DeliveryState, Settlement
from services.queue.webhooks.records import DeliveryState as State
from tests.contract.prompts import new
from tests.contract.test_queue_store import assign, record

EVERYTHING = DeliverySearch(limit=0)


async def finish(store: QueueStore, prompt_id: str, *urls: str, now: float = 5.0) -> None:
    await store.add(msgspec.structs.replace(new(prompt_id), webhook_urls=urls))
    await store.apply(prompt_id, assign)
    await store.apply(prompt_id, record(ExecutionSucceeded(), now=now))


async def claim(store: QueueStore, now: float = 10.0, limit: int = 100) -> list[Delivery]:
    return await store.outbox.claim(now=now, until=now + 60.0, limit=limit)


async def test_the_end_of_a_prompt_is_put_into_the_outbox_for_each_url(store: QueueStore) -> None:
    told: list[Step] = []
    store.listen(told.append)
    await finish(store, "p", "http://a", "http://b")
    await finish(store, "q")
    assert [(step.life.prompt_id, step.is_end) for step in told if step.has_deliveries] == [("p", True)]
    second, first = await store.outbox.list(EVERYTHING)
    assert (first.url, second.url) == ("http://a", "http://b")
    assert first.delivery_id != second.delivery_id
    assert (first.state, first.attempts, first.next_attempt_at, first.created_at) == (State.PENDING, 0, 5.0, 5.0)
    assert (first.prompt_id, first.event_type) == ("p", "prompt.succeeded")
    assert b'"prompt_id":"p"' in first.payload


async def test_nothing_is_put_in_before_the_end(store: QueueStore) -> None:
    await store.add(msgspec.structs.replace(new("p"), webhook_urls=("http://a",)))
    await store.apply("p", assign)
    await store.apply("p", partial(lives.renew, token="token", lease_until=99.0))
    assert await store.outbox.list(EVERYTHING) == []
    assert await store.outbox.next_due() is None


async def test_what_is_claimed_is_due_again_only_later(store: QueueStore) -> None:
    await finish(store, "p", "http://a", now=7.0)
    await finish(store, "q", "http://a", now=6.0)
    assert await store.outbox.next_due() == 6.0
    assert await claim(store, now=5.5) == []
    assert [delivery.prompt_id for delivery in await claim(store, now=8.0, limit=1)] == ["q"]
    assert [(delivery.prompt_id, delivery.attempts) for delivery in await claim(store, now=8.0)] == [("p", 1)]
    assert await claim(store, now=67.9) == []
    assert {(delivery.prompt_id, delivery.attempts) for delivery in await claim(store, now=68.0)} == {
        ("p", 2),
        ("q", 2),
    }


async def test_nothing_is_claimed_twice(store: QueueStore) -> None:
    for number in range(20):
        await finish(store, str(number), "http://a")
    claims = await asyncio.gather(*(claim(store, limit=3) for _ in range(10)))
    assert sorted(int(delivery.prompt_id) for claimed in claims for delivery in claimed) == list(range(20))


async def test_only_the_latest_attempt_is_settled(store: QueueStore) -> None:
    await finish(store, "p", "http://a")
    (first,) = await claim(store)
    (second,) = await claim(store, now=80.0)
    done = Settlement(state=State.DELIVERED, settled_at=81.0)
    assert not await store.outbox.settle(first.delivery_id, first.attempts, done)
    again = Settlement(state=State.PENDING, next_attempt_at=90.0, error="away")
    assert await store.outbox.settle(second.delivery_id, second.attempts, again)
    (delivery,) = await store.outbox.list(EVERYTHING)
    assert (delivery.next_attempt_at, delivery.last_error) == (90.0, "away")
    (third,) = await claim(store, now=90.0)
    assert await store.outbox.settle(third.delivery_id, third.attempts, done)
    assert not await store.outbox.settle(third.delivery_id, third.attempts, again)
    (delivery,) = await store.outbox.list(EVERYTHING)
    assert (delivery.state, delivery.settled_at, delivery.next_attempt_at) == (State.DELIVERED, 81.0, None)
    assert await store.outbox.next_due() is None


async def test_deliveries_are_listed_by_state_and_prompt_the_newest_first(store: QueueStore) -> None:
    for prompt_id in ("p", "q", "r"):
        await finish(store, prompt_id, "http://a")
    for delivery in await claim(store):
        state = {"p": State.DELIVERED, "q": State.DEAD}.get(delivery.prompt_id)
        if state:
            settlement = Settlement(state=state, settled_at=9.0, error="")
            await store.outbox.settle(delivery.delivery_id, 1, settlement)

    async def listed(*states: DeliveryState, prompt_id: str = "", limit: int = 0, offset: int = 0) -> list[str]:
        search = DeliverySearch(states=frozenset(states), prompt_id=prompt_id, limit=limit, offset=offset)
        return [delivery.prompt_id for delivery in await store.outbox.list(search)]

    assert await listed() == ["r", "q", "p"]
    assert await listed(State.DEAD) == ["q"]
    assert await listed(State.PENDING, State.DELIVERED) == ["r", "p"]
    assert await listed(prompt_id="q") == ["q"]
    assert await listed(State.DELIVERED, prompt_id="q") == []
    assert await listed(limit=1, offset=1) == ["q"]


async def test_a_delivery_is_made_due_again(store: QueueStore) -> None:
    await finish(store, "p", "http://a")
    (claimed,) = await claim(store)
    await store.outbox.settle(claimed.delivery_id, 1, Settlement(state=State.DEAD, settled_at=11.0, error="gone"))
    again = await store.outbox.redeliver(claimed.delivery_id, 20.0)
    assert again is not None
    assert (again.state, again.attempts, again.next_attempt_at, again.settled_at) == (State.PENDING, 0, 20.0, None)
    assert [delivery.delivery_id for delivery in await claim(store, now=20.0)] == [claimed.delivery_id]
    assert await store.outbox.redeliver("nothing", 20.0) is None


async def test_deliveries_outlive_their_prompt_and_are_forgotten_when_they_are_old(store: QueueStore) -> None:
    for prompt_id in ("p", "q", "r", "s"):
        await finish(store, prompt_id, "http://a")
    await store.forget(["p", "q", "r", "s"])
    for delivery in await claim(store):
        state = {"p": State.DELIVERED, "q": State.DELIVERED, "r": State.DEAD}.get(delivery.prompt_id)
        if state:
            settled_at = 50.0 if delivery.prompt_id == "q" else 40.0
            await store.outbox.settle(delivery.delivery_id, 1, Settlement(state=state, settled_at=settled_at))
    forget = store.outbox.forget_settled
    assert await forget(delivered_before=40.0, dead_before=40.0, limit=10) == 0
    assert await forget(delivered_before=60.0, dead_before=60.0, limit=1) == 1
    assert await forget(delivered_before=45.0, dead_before=30.0, limit=10) == 0
    assert {delivery.prompt_id for delivery in await store.outbox.list(EVERYTHING)} == {"q", "r", "s"}
    assert await forget(delivered_before=60.0, dead_before=60.0, limit=10) == 2
