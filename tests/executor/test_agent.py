"""The agent when its connections break, its worker holds the interpreter, or it has to go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.graph.events import NodeProgress
from services.queue.records import PromptState, Requeued
from tests.executor.platform import PATIENCE, Platform, image_graph, platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Long enough for a connection to be made anew on a busy machine.
LEASE_SECONDS = 3.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with platform(tmp_path_factory.mktemp("agent"), lease_seconds=LEASE_SECONDS) as running:
        yield running


async def begun(here: Platform, steps: int) -> str:
    """A prompt of about `steps` hundredths of a second that has begun to run."""
    prompt_id = await here.submit(image_graph("TestSleep", steps=steps, seconds=0.01))
    await here.until(prompt_id, NodeProgress)
    return prompt_id


async def test_a_broken_stream_does_not_end_a_lease(here: Platform) -> None:
    prompt_id = await begun(here, 100)
    here.gate.cut()
    prompt = await here.ended(prompt_id)
    assert prompt.state is PromptState.SUCCEEDED
    assert len(prompt.attempts) == 1


async def test_what_happens_while_the_stream_is_broken_is_told_afterwards(here: Platform) -> None:
    prompt_id = await begun(here, 50)
    here.gate.cut()
    here.gate.hold()
    await asyncio.sleep(LEASE_SECONDS / 3)
    here.gate.release()
    prompt = await here.ended(prompt_id)
    assert prompt.state is PromptState.SUCCEEDED
    assert len(prompt.attempts) == 1


async def test_a_prompt_whose_lease_ran_out_meanwhile_is_stopped_and_run_again(here: Platform) -> None:
    prompt_id = await begun(here, 500)
    here.gate.hold()
    here.gate.cut()
    await here.until(prompt_id, Requeued)
    here.gate.release()
    prompt = await here.ended(prompt_id)
    assert prompt.state is PromptState.SUCCEEDED
    assert len(prompt.attempts) == 2
    assert len(here.workers) == 1


async def test_leases_are_renewed_while_a_node_holds_the_interpreter(here: Platform) -> None:
    prompt = await here.run(image_graph("TestHog", numbers=3 * 10**8))
    assert prompt.state is PromptState.SUCCEEDED
    assert len(prompt.attempts) == 1


async def test_a_drained_executor_takes_nothing_until_that_is_undone(here: Platform) -> None:
    prompt_id = await begun(here, 50)
    await here.queue.drain_executor("tested")
    waiting = await here.submit(image_graph("TestSleep", steps=1, seconds=0.01))
    assert (await here.ended(prompt_id)).state is PromptState.SUCCEEDED
    here.gate.cut()  # which makes nobody forget
    assert (await here.queue.get(waiting)).state is PromptState.PENDING
    await here.queue.drain_executor("tested", undo=True)
    prompt = await here.ended(waiting)
    assert prompt.state is PromptState.SUCCEEDED
    assert len(prompt.attempts) == 1


async def test_an_executor_that_stops_gives_its_prompt_back_without_counting_the_attempt(here: Platform) -> None:
    prompt_id = await begun(here, 10000)
    here.stop.set()
    requeued = await here.until(prompt_id, Requeued)
    assert requeued.reason == "executor is shutting down"
    await here.stopped
    assert (await here.queue.get(prompt_id)).state is PromptState.PENDING
    assert await here.queue.executors() == []


async def test_an_executor_that_stops_lets_its_prompt_end_and_takes_no_other(tmp_path: Path) -> None:
    async with platform(tmp_path, drain_seconds=PATIENCE) as here:
        prompt_id = await begun(here, 100)
        here.stop.ask()
        waiting = await here.submit(image_graph("TestSleep", steps=1, seconds=0.01))
        prompt = await here.ended(prompt_id)
        assert prompt.state is PromptState.SUCCEEDED
        assert len(prompt.attempts) == 1
        await asyncio.wait_for(here.stopped, PATIENCE)
        assert (await here.queue.get(waiting)).attempts == ()
        assert await here.queue.executors() == []


async def test_an_executor_that_is_asked_to_stop_twice_gives_its_prompt_back_at_once(tmp_path: Path) -> None:
    async with platform(tmp_path, drain_seconds=PATIENCE) as here:
        prompt_id = await begun(here, 10000)
        here.stop.ask()
        here.stop.ask()
        assert (await here.until(prompt_id, Requeued)).reason == "executor is shutting down"
        await asyncio.wait_for(here.stopped, PATIENCE)


async def test_what_ended_while_the_queue_was_away_is_told_before_an_executor_stops(tmp_path: Path) -> None:
    async with platform(tmp_path, lease_seconds=30, drain_seconds=PATIENCE) as here:
        prompt_id = await begun(here, 50)
        here.gate.hold()
        here.gate.cut()
        here.stop.ask()
        await asyncio.sleep(1.0)  # the prompt ends meanwhile, mostly
        here.gate.release()
        prompt = await here.ended(prompt_id)
        assert prompt.state is PromptState.SUCCEEDED
        assert len(prompt.attempts) == 1
        await asyncio.wait_for(here.stopped, PATIENCE)
