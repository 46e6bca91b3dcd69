"""Telling a real receiver of the end of prompts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.errors import FailedPrecondition, InvalidArgument, NotFound
from services.graph.events import ExecutionFailed, ExecutionStarted
from services.queue.prompts import Queue
from services.queue.stores.base import QueueStore
from services.queue.stores.memory import MemoryStore
from services.queue.stores.sqlite import SqliteStore
from services.queue.webhooks.deliverer import CLAIM_SECONDS
from services.queue.webhooks.records import Delivery, DeliverySearch, DeliveryState
from services.queue.webhooks.schedule import MAX_ATTEMPTS
from services.queue.webhooks.sender import DeliveryFailed, Sender
from services.queue.webhooks.signature import Signer
from services.queue.webhooks.targets import Targets
from services.queue.webhooks.webhooks import WebhookRules
from tests.queue.clock import ManualClock
from tests.queue.executor import FakeExecutor, finished
from tests.queue.nodes import submission
from tests.queue.running import run_one
from tests.queue.watching import eventually, story
from tests.queue.webhooks.receiver import SECRET, Receiver, receiver

RULES = WebhookRules(Signer([SECRET]), allow_private=True)


@asynccontextmanager
async def running(
    store: QueueStore,
    clock: ManualClock,
    rules: WebhookRules = RULES,
    registry: CollectorRegistry | None = None,
) -> AsyncIterator[Queue]:
    queue = Queue(store, clock=clock, webhooks=rules, registry=registry)
    await queue.start()
    try:
        yield queue
    finally:
        await queue.close()


async def only(queue: Queue, state: DeliveryState) -> Delivery:
    """The one delivery there is, once it is in this state and its attempt, if any, is over."""

    async def is_there() -> bool:
        (delivery,) = await queue.webhook_deliveries(DeliverySearch())
        return delivery.state is state and (state is not DeliveryState.PENDING or bool(delivery.last_error))

    await eventually(is_there)
    return (await queue.webhook_deliveries(DeliverySearch()))[0]


async def test_the_end_of_a_prompt_is_told_signed_and_once(clock: ManualClock) -> None:
    store = MemoryStore()
    async with receiver() as there, running(store, clock) as queue, FakeExecutor(queue) as executor:
        extra_data = json.dumps({"metadata": {"order": 7}, "api_key": "hidden"}).encode()
        prompt = submission(webhook_url=there.url, extra_data_json=extra_data, workflow_id="w", client_id="c")
        accepted = await queue.submit(prompt)
        lease = (await executor.assignment()).lease
        shown = finished("2", b'{"images": [{"filename": "a.png", "subfolder": "s", "type": "output"}]}')
        clock.advance(2.5)
        executor.tell(lease, ExecutionStarted(), shown)
        executor.succeed(lease)
        request = await there.next()
        assert request.path == "/hook?of=test"
        assert request.is_signed()
        assert request.headers["host"] == f"127.0.0.1:{there.port}"
        assert request.headers["content-type"] == "application/json"
        assert int(request.headers["webhook-timestamp"]) == int(clock.now())
        assert request.document["type"] == "prompt.succeeded"
        data = request.document["data"]
        assert (data["prompt_id"], data["state"], data["attempts"]) == (accepted.prompt_id, "succeeded", 1)
        assert (data["workflow_id"], data["client_id"], data["metadata"]) == ("w", "c", {"order": 7})
        assert data["finished_at"] == request.document["timestamp"] == "1970-01-12T13:46:42.500000Z"
        assert data["error"] is None
        assert b"hidden" not in request.body
        delivered = await only(queue, DeliveryState.DELIVERED)
        assert delivered.delivery_id == request.headers["webhook-id"]
        assert (delivered.attempts, delivered.last_error, delivered.payload) == (1, "", request.body)
        clock.advance(100_000.0)
        await asyncio.sleep(0)
        assert there.nothing_more()


async def test_outputs_and_errors_are_told(clock: ManualClock) -> None:
    async with receiver() as there, running(MemoryStore(), clock) as queue, FakeExecutor(queue) as executor:
        await queue.submit(submission(webhook_url=there.url))
        lease = (await executor.assignment()).lease
        shown = finished("2", b'{"images": [{"filename": "a.png", "subfolder": "s", "type": "output"}], "text": ["x"]}')
        executor.tell(
            lease, ExecutionStarted(), shown, ExecutionFailed("1", "Number", "ValueError", "no\n", ("trace",))
        )
        data = (await there.next()).document["data"]
        file = {"node_id": "2", "media": "images", "kind": "output", "subfolder": "s", "filename": "a.png"}
        assert (data["outputs"], data["outputs_total"]) == ([file], 1)
        assert data["error"] == {"node_id": "1", "node_type": "Number", "type": "ValueError", "message": "no"}


async def test_prompts_that_are_taken_back_are_told_of_too_and_of_all_to_the_one_for_all(clock: ManualClock) -> None:
    async with receiver() as own, receiver() as of_all:
        rules = WebhookRules(Signer([SECRET]), url=of_all.url, allow_private=True)
        async with running(MemoryStore(), clock, rules) as queue, FakeExecutor(queue, slots=0):
            first = await queue.submit(submission(1, webhook_url=own.url))
            second = await queue.submit(submission(2))
            await queue.cancel(None)
            assert (await own.next()).document["data"]["state"] == "cancelled"
            told = {(await of_all.next()).document["data"]["prompt_id"] for _ in range(2)}
            assert told == {first.prompt_id, second.prompt_id}
            assert own.nothing_more()


async def test_a_receiver_that_fails_is_asked_again_later_and_later(clock: ManualClock) -> None:
    async with receiver(500, 302) as there, running(MemoryStore(), clock) as queue, FakeExecutor(queue) as executor:
        there.location = "http://127.0.0.1:1/elsewhere"
        await run_one(queue, executor, submission(webhook_url=there.url))
        first = await there.next()
        failed = await only(queue, DeliveryState.PENDING)
        assert failed.last_error == "the receiver answered 500"
        assert failed.next_attempt_at is not None and 8.0 <= failed.next_attempt_at - clock.now() <= 12.0
        clock.advance(12.5)
        second = await there.next()
        assert second.headers["webhook-id"] == first.headers["webhook-id"]
        assert second.headers["webhook-timestamp"] != first.headers["webhook-timestamp"]
        assert second.is_signed() and second.body == first.body

        async def has_failed_twice() -> bool:
            (delivery,) = await queue.webhook_deliveries(DeliverySearch())
            return delivery.last_error == "the receiver answered 302, redirections are not followed"

        await eventually(has_failed_twice)
        clock.advance(36.5)
        await there.next()
        assert (await only(queue, DeliveryState.DELIVERED)).attempts == 3


async def test_what_is_given_up_is_listed_and_sent_again_on_demand(clock: ManualClock) -> None:
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(receiver(410))
        queue = await stack.enter_async_context(running(MemoryStore(), clock, registry=registry))
        executor = await stack.enter_async_context(FakeExecutor(queue))
        prompt_id = await run_one(queue, executor, submission(webhook_url=there.url))
        first = await there.next()
        await only(queue, DeliveryState.DEAD)
        (dead,) = await queue.webhook_deliveries(DeliverySearch(states=frozenset({DeliveryState.DEAD})))
        assert (dead.prompt_id, dead.last_error) == (prompt_id, "the receiver answered 410, it wants no more")
        assert (await queue.redeliver_webhook(dead.delivery_id)).state is DeliveryState.PENDING
        again = await there.next()
        assert (again.headers["webhook-id"], again.body) == (dead.delivery_id, first.body)
        await only(queue, DeliveryState.DELIVERED)
        with pytest.raises(NotFound, match="there is no delivery nothing"):
            await queue.redeliver_webhook("nothing")
    name = "silverprint_queue_webhook_attempts_total"
    counted = [registry.get_sample_value(name, {"outcome": outcome}) for outcome in ("delivered", "failed", "dead")]
    assert counted == [1, 0, 1]


async def test_after_the_last_attempt_it_is_given_up(clock: ManualClock) -> None:
    store = MemoryStore()
    async with receiver(*[503] * MAX_ATTEMPTS) as there, running(store, clock) as queue:
        async with FakeExecutor(queue) as executor:
            await run_one(queue, executor, submission(webhook_url=there.url))
        for attempt in range(1, MAX_ATTEMPTS + 1):
            await there.next()

            async def is_over(attempt: int = attempt) -> bool:
                (delivery,) = await queue.webhook_deliveries(DeliverySearch())
                return delivery.attempts == attempt and delivery.next_attempt_at != clock.now() + CLAIM_SECONDS

            await eventually(is_over)
            clock.advance(30_000.0)
        assert (await only(queue, DeliveryState.DEAD)).attempts == MAX_ATTEMPTS


async def test_what_was_not_delivered_survives_the_queue_and_the_history(tmp_path: Path, clock: ManualClock) -> None:
    file = tmp_path / "queue.sqlite3"
    store = await SqliteStore.open(file)
    async with receiver() as there:
        async with running(store, clock) as queue, FakeExecutor(queue, slots=0):
            there.answers.append(500)
            accepted = await queue.submit(submission(webhook_url=there.url))
            await queue.cancel(None)
            await there.next()
            await only(queue, DeliveryState.PENDING)
            assert await queue.forget(None) == [accepted.prompt_id]
        await store.close()
        clock.advance(12.5)
        store = await SqliteStore.open(file)
        async with running(store, clock) as queue:
            assert (await there.next()).document["data"]["prompt_id"] == accepted.prompt_id
            await only(queue, DeliveryState.DELIVERED)
        await store.close()


async def test_what_a_queue_that_died_had_claimed_is_sent_by_the_next(clock: ManualClock) -> None:
    store = MemoryStore()
    async with receiver(None) as there:
        async with running(store, clock) as queue, FakeExecutor(queue, slots=0):
            await queue.submit(submission(webhook_url=there.url))
            await queue.cancel(None)
            await there.next()  # and while it is not answered, the queue ends
        async with running(store, clock) as queue:
            assert there.nothing_more()
            clock.advance(CLAIM_SECONDS + 1)
            await there.next()
            assert (await only(queue, DeliveryState.DELIVERED)).attempts == 2


async def test_two_queues_do_not_deliver_twice(clock: ManualClock) -> None:
    store = MemoryStore()
    async with receiver() as there, running(store, clock) as one, running(store, clock) as other:
        async with FakeExecutor(other) as executor:
            for number in range(20):
                await run_one(other, executor, submission(number, webhook_url=there.url))
                one._webhooks._deliverer.wake()  # type: ignore[union-attr]  # as when it looks now and then
        for _ in range(20):
            await there.next()

        async def all_are_delivered() -> bool:
            deliveries = await one.webhook_deliveries(DeliverySearch())
            return all(delivery.state is DeliveryState.DELIVERED for delivery in deliveries)

        await eventually(all_are_delivered)
        assert there.nothing_more()


async def test_a_receiver_that_says_nothing_is_given_so_much_time(clock: ManualClock) -> None:
    async with receiver(None) as there:
        await _fails(there, "no answer within 0.2 seconds", timeout=0.2)


async def test_a_receiver_that_is_not_there_is_told_of(clock: ManualClock) -> None:
    async with receiver() as there:
        pass
    await _fails(there, "ConnectError: All connection attempts failed")


async def test_an_address_inside_is_not_called_whatever_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as there:
        await _fails(there, "has the address 127.0.0.1, which is not one of the internet", allow_private=False)
        assert there.nothing_more()


async def _fails(there: Receiver, why: str, *, timeout: float = 10.0, allow_private: bool = True) -> None:
    sender = Sender(Signer([SECRET]), Targets(allow_private=allow_private), timeout=timeout)
    delivery = Delivery(
        delivery_id="m", prompt_id="p", url=there.url, event_type="prompt.failed", payload=b"{}", created_at=1.0
    )
    try:
        with pytest.raises(DeliveryFailed, match=why):
            await sender.send(delivery, 1.0)
    finally:
        await sender.close()


async def test_submit_says_what_is_wrong_with_a_webhook(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue):
        with pytest.raises(FailedPrecondition, match=r"it has no secret in \$SILVERPRINT_WEBHOOK_SECRET"):
            await queue.submit(submission(webhook_url="https://example.com/"))
        with pytest.raises(InvalidArgument, match="webhook_url points to 10.0.0.1"):
            await queue.submit(submission(webhook_url="http://10.0.0.1/"))


async def test_prompts_without_a_webhook_put_nothing_into_the_outbox(clock: ManualClock) -> None:
    async with running(MemoryStore(), clock) as queue, FakeExecutor(queue) as executor:
        prompt_id = await run_one(queue, executor, submission())
        await story(queue, prompt_id)
        assert await queue.webhook_deliveries(DeliverySearch()) == []
