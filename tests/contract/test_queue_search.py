"""Finding prompts, in every store: each search answers what a look at all prompts would."""

from __future__ import annotations

import asyncio
import itertools
import random
from functools import partial

import msgspec
import pytest

from services.graph.events import ExecutionFailed, ExecutionInterrupted, ExecutionSucceeded
from services.queue import life as lives
from services.queue.records import Prompt, PromptOrder, PromptState, Search
from services.queue.stores.base import QueueStore
from tests.contract.prompts import new
from tests.contract.test_queue_store import assign, record

ALL = frozenset(PromptState)
COUNT = 60
ENDS = (ExecutionSucceeded(), ExecutionFailed("1", "A", "ValueError", "boom"), ExecutionInterrupted("1", "A"))


@pytest.fixture
async def store(store: QueueStore) -> QueueStore:
    """A store with prompts in every state, of several workflows, many of which took equally long."""
    chance = random.Random(7)
    ids = [f"p{index:02}" for index in range(COUNT)]
    workflows = [chance.choice(["", "wf-1", "wf-2"]) for _ in ids]
    fates = {prompt_id: chance.randrange(6) for prompt_id in ids}
    prompts = [
        msgspec.structs.replace(new(id_), workflow_id=workflow) for id_, workflow in zip(ids, workflows, strict=True)
    ]
    await asyncio.gather(*(store.add(prompt) for prompt in prompts))
    cancelled = [id_ for id_, fate in fates.items() if fate == 1]
    run = [id_ for id_, fate in fates.items() if fate >= 2]
    ended = [id_ for id_, fate in fates.items() if fate >= 3]
    await asyncio.gather(
        *(store.apply(id_, partial(lives.cancel, now=90.0)) for id_ in cancelled),
        *(store.apply(id_, partial(assign, now=2.0 + chance.randrange(2))) for id_ in run),
    )
    ends = {id_: record(ENDS[fates[id_] - 3], now=8.0 + chance.randrange(3)) for id_ in ended}
    await asyncio.gather(*(store.apply(id_, end) for id_, end in ends.items()))
    return store


def looked_up(prompts: list[Prompt], search: Search) -> list[str]:
    """The ids that a search answers, without limit and offset."""
    chosen = [prompt for prompt in prompts if prompt.state in search.states]
    if search.workflow_id:
        chosen = [prompt for prompt in chosen if prompt.workflow_id == search.workflow_id]
    if search.order is PromptOrder.SUBMITTED:
        chosen.reverse()
    else:
        chosen.sort(key=lambda prompt: -duration(prompt))
    return [prompt.prompt_id for prompt in (reversed(chosen) if search.reversed else chosen)]


def duration(prompt: Prompt) -> float:
    return (prompt.finished_at - prompt.started_at) if prompt.finished_at and prompt.started_at else 0.0


async def everything(store: QueueStore) -> list[Prompt]:
    prompts = [await store.get(f"p{index:02}") for index in range(COUNT)]
    return [prompt for prompt in prompts if prompt is not None]


@pytest.mark.parametrize("order", PromptOrder)
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_search_answers_what_a_look_at_everything_would(
    store: QueueStore, order: PromptOrder, backwards: bool
) -> None:
    prompts = await everything(store)
    assert {prompt.state for prompt in prompts} == ALL
    states = [frozenset(some) for size in (1, 2, 6) for some in itertools.combinations(PromptState, size)]
    for some, workflow_id in itertools.product(states, ["", "wf-1", "wf-2", "none"]):
        search = Search(states=some, workflow_id=workflow_id, order=order, reversed=backwards)
        expected = looked_up(prompts, search)
        found, total = await store.find(search)
        assert ([prompt.prompt_id for prompt in found], total) == (expected, len(expected))


@pytest.mark.parametrize("order", PromptOrder)
@pytest.mark.parametrize("workflow_id", ["", "wf-2"])
@pytest.mark.parametrize("limit", [1, 7, COUNT + 1])
async def test_pages_are_parts_of_the_whole(
    store: QueueStore, order: PromptOrder, workflow_id: str, limit: int
) -> None:
    search = Search(states=ALL, workflow_id=workflow_id, order=order)
    whole, total = await store.find(search)
    pages = []
    for offset in range(0, total + limit, limit):
        page, count = await store.find(msgspec.structs.replace(search, limit=limit, offset=offset))
        assert count == total
        assert len(page) <= limit
        pages += page
    assert pages == whole


async def test_what_was_submitted_is_left_out_and_nothing_else(store: QueueStore) -> None:
    found, _ = await store.find(Search(states=ALL, reversed=True))
    left_out = {"graph_json": b"", "extra_data_json": b"", "output_node_ids": ()}
    assert found == [msgspec.structs.replace(prompt, **left_out) for prompt in await everything(store)]


async def test_what_was_forgotten_is_not_found(store: QueueStore) -> None:
    await store.forget(None)
    found, total = await store.find(Search(states=ALL))
    assert {prompt.state for prompt in found} == {PromptState.PENDING, PromptState.RUNNING}
    assert len(found) == total
