"""What is particular to PostgreSQL: replicas on one database, batches, and connections that end in the middle."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

import msgspec
import pytest

from services.database.postgres import Address, Connection, asyncpg, connect
from services.errors import InvalidArgument, Unavailable
from services.graph.events import ExecutionSucceeded
from services.queue import life as lives
from services.queue.life import Life, Step
from services.queue.records import PromptOrder, PromptState, Search
from services.queue.stores.postgres import PostgresStore, batch, forgetting, writer
from services.queue.stores.postgres.batch import Done, carry_out
from services.queue.stores.postgres.operations import Operation
from services.queue.stores.postgres.searches import page
from services.queue.stores.postgres.sql import SQL
from services.queue.work import TimedEvent
from tests.contract.prompts import new
from tests.postgres import PostgresServer

Opener = Callable[[], Awaitable[PostgresStore]]


@pytest.fixture
async def url(postgres: PostgresServer) -> AsyncIterator[str]:
    async with postgres.reused("queue") as url:
        yield url


@pytest.fixture
async def replica(url: str) -> AsyncIterator[Opener]:
    """Opens stores on the database."""
    async with AsyncExitStack() as stack:

        async def opened() -> PostgresStore:
            store = await PostgresStore.open(url)
            stack.push_async_callback(store.close)
            return store

        yield opened


@pytest.fixture
async def store(replica: Opener) -> PostgresStore:
    return await replica()


def assign(life: Life, token: str = "token") -> Step | None:
    return lives.assign(life, executor_id="e", token=token, now=2.0, lease_until=32.0)


succeed = partial(lives.record, token="token", events=(TimedEvent(3.0, ExecutionSucceeded()),), now=4.0)
cancel = partial(lives.cancel, now=2.0)


async def finish(store: PostgresStore, prompt_id: str) -> None:
    await store.add(new(prompt_id))
    await store.apply(prompt_id, assign)
    await store.apply(prompt_id, succeed)


async def test_replicas_claim_every_prompt_once_and_none_that_was_taken_back(replica: Opener) -> None:
    stores = [await replica() for _ in range(2)]
    prompt_ids = [f"p{i}" for i in range(500)]
    await asyncio.gather(*(stores[i % 2].add(new(id_, i)) for i, id_ in enumerate(prompt_ids)))
    await asyncio.gather(*(stores[i % 2].apply(id_, cancel) for i, id_ in enumerate(prompt_ids[:50])))
    claimed: list[str] = []

    async def claim_all(store: PostgresStore) -> None:
        while claim := await store.claim(assign):
            claimed.append(claim.life.prompt_id)

    await asyncio.gather(*(claim_all(stores[i % 2]) for i in range(8)))
    assert sorted(claimed) == sorted(prompt_ids[50:])
    assert await stores[0].counts() == await stores[1].counts()
    assert (await stores[0].counts())[PromptState.RUNNING] == 450


async def test_replicas_that_change_the_same_prompts_do_not_wait_for_each_other_for_ever(replica: Opener) -> None:
    stores = [await replica() for _ in range(3)]
    prompt_ids = [f"p{i}" for i in range(60)]
    await asyncio.gather(*(stores[0].add(new(prompt_id)) for prompt_id in prompt_ids))
    orders = (prompt_ids, prompt_ids[::-1], prompt_ids[30:] + prompt_ids[:30])
    steps = await asyncio.gather(
        *(store.apply(id_, assign) for store, order in zip(stores, orders, strict=True) for id_ in order)
    )
    assert sum(step is not None for step in steps) == len(prompt_ids)


async def test_a_prompt_that_two_replicas_take_in_has_one_receipt(replica: Opener) -> None:
    stores = [await replica() for _ in range(2)]
    submissions = [
        msgspec.structs.replace(new(f"p{i}", number), user_id=f"user{number}") for i in range(30) for number in range(2)
    ]
    receipts = await asyncio.gather(*(stores[int(one.number)].add(one) for one in submissions))
    assert all(one == other for one, other in zip(receipts[::2], receipts[1::2], strict=True))
    assert (await stores[0].counts())[PromptState.PENDING] == 30


async def test_numbers_are_counted_over_all_replicas_and_restarts(replica: Opener, url: str) -> None:
    stores = [await replica() for _ in range(2)]
    numbers = await asyncio.gather(*(stores[i % 2].next_number() for i in range(20)))
    assert sorted(numbers) == list(range(20))
    another = await PostgresStore.open(url)
    assert await another.next_number() == 20
    await another.close()


async def test_what_one_replica_commits_wakes_the_others(replica: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.database.postgres.listener.POLL", 600.0)
    woken = [asyncio.Event(), asyncio.Event()]
    stores = [await replica() for _ in woken]
    for store, event in zip(stores, woken, strict=True):
        store.listen_to_others(event.set)
    async with asyncio.timeout(60):
        for event in woken:
            await event.wait()  # both listen
            event.clear()
        await stores[0].add(new("p"))
        await woken[1].wait()
        woken[1].clear()
        await stores[1].apply("p", cancel)
        await woken[0].wait()
        woken[0].clear()
        await stores[0].forget(["p"])
        await woken[1].wait()
        woken[1].clear()
        await stores[0].save_catalogue("digest", b"{}")
        await woken[1].wait()
    assert not woken[0].is_set()


class Interruptions:
    """Does something between the statements of a batch and its commit, once."""

    def __init__(self, meddle: Callable[[Connection, Done], Awaitable[Done]]) -> None:
        self._meddle = meddle
        self.sizes: list[int] = []

    async def __call__(self, connection: Connection, operations: Sequence[Operation], shard: int, replica: str) -> Done:
        self.sizes.append(len(operations))
        done = await carry_out(connection, operations, shard, replica)
        return await self._meddle(connection, done) if len(self.sizes) == 1 else done


def told(store: PostgresStore) -> list[str]:
    steps: list[str] = []
    store.listen(lambda step: steps.append(step.life.prompt_id))
    return steps


async def test_whoever_waits_together_is_committed_together(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leave(connection: Connection, done: Done) -> Done:
        return done

    batches = Interruptions(leave)
    monkeypatch.setattr(writer, "carry_out", batches)
    answers = await asyncio.gather(*(store.add(new(str(i))) for i in range(100)), *(store.claim(assign) for _ in "abc"))
    assert batches.sizes == [103]
    assert all(answers)  # claims find what was added in the same transaction


async def test_an_operation_that_fails_is_undone_alone(store: PostgresStore) -> None:
    def fail(life: Life) -> Step | None:
        raise ValueError("no good")

    steps = told(store)
    too_high = msgspec.structs.replace(new("high"), priority=2**40)
    await store.add(new("p"))
    results = await asyncio.gather(
        store.add(new("a")),
        store.add(too_high),
        store.apply("p", fail),
        store.apply("p", cancel),
        return_exceptions=True,
    )
    assert isinstance(results[1], Unavailable) and isinstance(results[2], ValueError)
    assert steps == ["p", "a", "p"]
    assert {state: n for state, n in (await store.counts()).items() if n} == {
        PromptState.PENDING: 1,
        PromptState.CANCELLED: 1,
    }


async def test_a_claim_whose_transition_raises_leaves_the_prompt(store: PostgresStore) -> None:
    def fail(life: Life) -> Step | None:
        raise ValueError("no good")

    await store.add(new("p"))
    with pytest.raises(ValueError, match="no good"):
        await store.claim(fail)
    claim = await store.claim(assign)
    assert claim is not None and claim.life.prompt_id == "p"


async def test_a_transaction_whose_connection_ends_before_the_commit_is_done_again(
    postgres: PostgresServer, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def kill(connection: Connection, done: Done) -> Done:
        await postgres.execute(f"SELECT pg_terminate_backend({connection.get_server_pid()}, 10000)")
        return done

    monkeypatch.setattr(writer, "carry_out", Interruptions(kill))
    steps = told(store)
    await asyncio.gather(store.add(new("p")), store.add(new("q")))
    assert steps == ["p", "q"]
    assert await store.counts() | {PromptState.PENDING: 2} == await store.counts()


async def test_a_commit_whose_answer_is_lost_is_found_out_about_and_not_done_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def commit_and_die(connection: Connection, done: Done) -> Done:
        return done._replace(commit=f"{done.commit}; SELECT pg_terminate_backend(pg_backend_pid())")

    batches = Interruptions(commit_and_die)
    monkeypatch.setattr(writer, "carry_out", batches)
    steps = told(store)
    await asyncio.gather(store.add(new("p")), store.add(new("q")))
    assert (steps, batches.sizes) == (["p", "q"], [2])
    await store.apply("p", cancel)
    found = await store.events("p", 0)
    assert found is not None and [event.sequence for event in found[1]] == [1, 2]


@pytest.mark.parametrize("error", [asyncpg.SerializationError, asyncpg.DeadlockDetectedError])
async def test_a_transaction_that_others_interfere_with_is_done_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    async def interfere(connection: Connection, done: Done) -> Done:
        raise error("try again")

    monkeypatch.setattr(writer, "carry_out", Interruptions(interfere))
    steps = told(store)
    await store.add(new("p"))
    assert steps == ["p"]


async def test_what_somebody_else_keeps_locked_is_unavailable_and_not_waited_for_for_ever(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_BEGIN", "BEGIN; SET LOCAL lock_timeout = '100ms'")
    await asyncio.gather(store.add(new("p")), store.add(new("q")))
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute("SELECT FROM prompts FOR UPDATE")
        results = await asyncio.gather(store.apply("p", cancel), store.apply("q", cancel), return_exceptions=True)
        assert all(isinstance(result, Unavailable) and "lock timeout" in result.message for result in results)
        assert await store.claim(assign) is None  # claims wait for nobody
    await other.close()
    assert await store.apply("p", cancel) is not None


async def test_while_the_server_is_down_the_store_is_unavailable_and_goes_on_afterwards(
    postgres: PostgresServer, store: PostgresStore
) -> None:
    await store.add(new("p"))
    postgres.stop()
    try:
        for operation in (store.add(new("q")), store.claim(assign), store.get("p"), store.next_number()):
            with pytest.raises(Unavailable, match="the queue's database cannot be reached"):
                await operation
    finally:
        postgres.start()
    claim = await store.claim(assign)
    assert claim is not None and claim.life.prompt_id == "p"
    assert await store.get("q") is None
    assert await store.next_number() == 0


async def test_what_cannot_be_kept_as_text_is_refused_and_is_nowhere(store: PostgresStore) -> None:
    for field in ("prompt_id", "client_id", "workflow_id", "user_id"):
        with pytest.raises(InvalidArgument, match=f"{field} has a character with the code 0"):
            await store.add(msgspec.structs.replace(new("p"), **{field: "a\0b"}))
    assert await store.get("a\0b") is None
    assert await store.receipt("a\0b") is None
    assert await store.events("a\0b", 0) is None
    assert await store.apply("a\0b", assign) is None
    assert await store.forget(["a\0b"]) == []
    assert await store.find(Search(states=frozenset(PromptState), workflow_id="a\0b")) == ([], 0)


async def test_plans_that_are_made_while_tables_are_empty_go_by_indexes(store: PostgresStore, url: str) -> None:
    connection = await connect(Address.parse(url))
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    plans = {}
    failed = frozenset({PromptState.FAILED})
    searches = {
        f"search_{order.value}{workflow_id}": page(Search(states=failed, order=order, workflow_id=workflow_id))[0]
        for order in PromptOrder
        for workflow_id in ("", "wf")
    }
    of_user = {"search_of_user": page(Search(states=failed, user_id="a"))[0]}
    for name, statement in {**SQL, **searches, **of_user}.items():
        count = max(map(int, re.findall(r"\$(\d+)", statement)), default=0)
        arguments = f"({', '.join(['NULL'] * count)})" if count else ""
        await connection.execute(f"PREPARE {name} AS {statement}")
        plans[name] = " / ".join(row[0].strip() for row in await connection.fetch(f"EXPLAIN EXECUTE {name}{arguments}"))
    await connection.close()
    assert not [name for name, plan in plans.items() if re.search("(Seq|Bitmap).* on (prompts|payloads|events)", plan)]
    for name in ("first_pending", "page_pending", "lives_pending"):
        assert "using prompts_pending" in plans[name] and "Sort" not in plans[name]
    for name in ("page_finished", "page_all_finished_backwards", "oldest_finished"):
        assert "using prompts_finished" in plans[name] and "Sort" not in plans[name]
    for name in ("page_finished_of_user", "page_finished_of_user_backwards"):
        assert "using prompts_finished_of_user" in plans[name] and "Sort" not in plans[name]
    assert "using prompts_of_user" in plans["page_pending_of_user"] and "Sort" not in plans["page_pending_of_user"]
    assert "using prompts_by_state_of_user" in plans["tallies_of_user"]
    assert "using prompts_by_state_of_user" in plans["search_of_user"]
    assert "prompts_finished" not in plans["forget"]
    for name in searches:
        index = "prompts_of_workflow" if name.endswith("wf") else "prompts_by_"
        assert f"using {index}" in plans[name], plans[name]


async def test_forgetting_leaves_nothing_behind(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "AT_ONCE", 3)
    for i in range(8):
        await finish(store, str(i))
    assert sorted(await store.forget(None)) == [str(i) for i in range(8)]
    connection = await asyncpg.connect(url)
    for table in ("prompts", "payloads", "events"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
    await connection.close()
    assert not any((await store.counts()).values())


async def test_a_closed_store_says_so(url: str) -> None:
    store = await PostgresStore.open(url)
    adding = asyncio.create_task(store.add(new("p")))
    await asyncio.sleep(0)
    await store.close()
    assert (await adding).accepted.prompt_id == "p"
    for operation in (store.add(new("q")), store.get("p"), store.next_number()):
        with pytest.raises(Unavailable, match="shutting down"):
            await operation
