from __future__ import annotations

import asyncio
import logging
import sys
import threading
from typing import Any

import pytest

from services.executor.engine.caches.choice import chosen_cache
from services.executor.engine.context import current_context
from services.graph.events import ExecutionEvent, ExecutionFailed, ExecutionInterrupted, ExecutionSucceeded
from tests.executor.engine.bench import Bench, Nodes, chain, run_context, shown, started
from tests.executor.engine.nodes import Later, Negate, Show
from tests.executor.engine.subgraphs import Builder

#: Seconds after which nodes that wait for each other give up.
PATIENCE = 10.0


def meeting(count: int) -> type:
    """A class whose nodes go on when so many of them have begun: they can only if they run at the same time."""
    barrier = asyncio.Barrier(count)

    class Meet(Negate):
        async def go(self, image: Any) -> Any:
            async with asyncio.timeout(PATIENCE):
                await barrier.wait()
            return (image + 1,)

    return Meet


class Forever(Negate):
    """Never ends by itself."""

    async def go(self, image: Any) -> Any:
        await asyncio.Event().wait()


class FailLater(Negate):
    """Raises after a wait."""

    async def go(self, image: Any) -> Any:
        await asyncio.sleep(0.01)
        raise RuntimeError("failed while waiting")


def side_by_side(*class_types: str) -> Nodes:
    nodes: Nodes = {"0": ("Constant", {"value": 1})}
    for index, class_type in enumerate(class_types):
        nodes = {**nodes, f"n{index}": (class_type, {"image": ["0", 0]})}
    inputs: dict[str, Any] = {f"i{index}": [f"n{index}", 0] for index in range(len(class_types))}
    return {**nodes, "out": ("Sum", inputs)}


class Sum(Show):
    """Shows the sum of whatever is linked to it."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    def go(self, **inputs: Any) -> Any:
        return {"ui": {"sum": [sum(inputs.values())]}}


def failure_of(events: list[ExecutionEvent]) -> ExecutionFailed:
    failure = events[-1]
    assert isinstance(failure, ExecutionFailed)
    return failure


@pytest.mark.parametrize("cache", ["classic", "none", "lru:100"])
def test_coroutines_run_at_the_same_time(cache: str) -> None:
    events = Bench(meeting(3), Sum, cache=chosen_cache(cache, lambda: 0)).run(side_by_side("Meet", "Meet", "Meet"))

    assert events[-1] == ExecutionSucceeded()


def test_equal_nodes_that_share_results_may_run_at_the_same_time() -> None:
    assert shown(Bench(meeting(2), Sum).run(side_by_side("Meet", "Meet"))) == {"out": {"sum": [4]}}


def test_items_of_a_list_run_at_the_same_time() -> None:
    class Items(Negate):
        OUTPUT_IS_LIST = (True,)

        def go(self, image: Any) -> Any:
            return ([1, 2, 3],)

    prompt = {
        **side_by_side("Items"),
        "m": ("Meet", {"image": ["n0", 0]}),
        "out": ("Show", {"images": ["m", 0]}),
    }

    assert shown(Bench(meeting(3), Items).run(prompt)) == {"out": {"images": [2, 3, 4]}}


def test_coroutines_inside_an_expansion_run_at_the_same_time() -> None:
    class Spread(Show):
        def go(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None) -> Any:
            builder = Builder()
            inputs: dict[str, Any] = {f"i{index}": [builder.node("Meet", image=index), 0] for index in range(5)}
            builder.node("Sum", **inputs)
            return {"expand": builder.nodes}

    events = Bench(meeting(5), Sum, Spread).run(chain(1) | {"out": ("Spread", {"images": ["0", 0]})})

    assert list(shown(events).values()) == [{"sum": [15]}]


def test_a_coroutine_begins_before_nodes_that_are_none_and_they_run_while_it_waits() -> None:
    order: list[str] = []

    class Watch(Negate):
        def go(self, image: Any) -> Any:
            order.append("other node")
            return (image,)

    class Wait(Negate):
        async def go(self, image: Any) -> Any:
            order.append("begins")
            await asyncio.sleep(0.01)
            order.append("ends")
            return (image,)

    Bench(Watch, Wait, Sum).run(side_by_side("Watch", "Wait", "Watch"))

    assert order == ["begins", "other node", "ends"]


def test_what_needs_a_coroutine_waits_for_it() -> None:
    prompt = chain(2, "Later") | {"2": ("Later", {"image": ["1", 0]}), "out": ("Show", {"images": ["2", 0]})}

    assert shown(Bench(Later).run(prompt)) == {"out": {"images": [3]}}


def test_a_cached_coroutine_does_not_run_again() -> None:
    bench = Bench(Sum)
    bench.run(side_by_side("Later", "Later"))

    assert started(bench.run(side_by_side("Later", "Later"))) == []


def test_a_coroutine_that_fails_is_named_and_the_next_prompt_runs() -> None:
    bench = Bench(FailLater, Sum)

    failure = failure_of(bench.run(side_by_side("FailLater", "Later")))

    assert (failure.node_id, failure.node_type) == ("n0", "FailLater")
    assert (failure.exception_type, failure.exception_message) == ("RuntimeError", "failed while waiting")
    assert failure.current_inputs_json == b'{"image": [1]}'
    assert len(failure.traceback) == 1
    assert 'raise RuntimeError("failed while waiting")' in failure.traceback[0]
    assert bench.run(side_by_side("Later"))[-1] == ExecutionSucceeded()


def test_a_timeout_is_a_failure_that_says_so() -> None:
    class Patient(Negate):
        async def go(self, image: Any) -> Any:
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)

    failure = failure_of(Bench(Patient).run(chain(2, "Patient")))

    assert (failure.node_id, failure.exception_type) == ("1", "TimeoutError")


def test_a_node_that_fails_while_a_coroutine_waits_is_reported_and_the_coroutine_is_cancelled() -> None:
    cancelled: list[bool] = []

    class Wait(Negate):
        async def go(self, image: Any) -> Any:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    prompt = {**side_by_side("Wait"), "f": ("Fail", {"image": ["0", 0], "msg": "boom"})}
    prompt["out"] = ("Sum", {"a": ["n0", 0], "b": ["f", 0]})
    bench = Bench(Wait, Sum)

    failure = failure_of(bench.run(prompt))

    assert (failure.node_id, failure.exception_message) == ("f", "boom")
    assert cancelled == [True]
    assert bench.run(side_by_side("Later"))[-1] == ExecutionSucceeded()


def test_a_prompt_can_be_interrupted_while_it_waits_for_coroutines() -> None:
    context = run_context()
    threading.Timer(0.05, context.interrupted.set).start()

    events = Bench(Forever, Sum).run(side_by_side("Forever", "Forever"), context=context)

    assert events[-1] == ExecutionInterrupted("n0", "Forever", ("0",))


def test_a_coroutine_that_does_not_heed_its_end_is_abandoned_and_no_longer_heard(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.executor.engine.coroutines._GRACE", 0.05)

    class Deaf(Negate):
        async def go(self, image: Any) -> Any:
            context = current_context()
            while True:
                try:
                    await asyncio.sleep(0.001)
                except asyncio.CancelledError:
                    context.progress(1, 2)

    prompt = {**side_by_side("Deaf"), "f": ("FailLater", {"image": ["0", 0]})}
    prompt["out"] = ("Sum", {"a": ["n0", 0], "b": ["f", 0]})
    bench = Bench(Deaf, FailLater, Sum)

    with caplog.at_level(logging.WARNING):
        failure = failure_of(bench.run(prompt))

    assert failure.node_id == "f"
    assert "1 coroutines go on" in caplog.text
    assert bench.run(side_by_side("Later"))[-1] == ExecutionSucceeded()


@pytest.mark.parametrize("wait", [0, 0.01])
def test_a_coroutine_that_ends_the_process_is_one_failure(wait: float) -> None:
    class Exit(Negate):
        async def go(self, image: Any) -> Any:
            if wait:
                await asyncio.sleep(wait)
            sys.exit(3)

    bench = Bench(Exit, Sum)

    failure = failure_of(bench.run(side_by_side("Exit", "Later")))

    assert (failure.node_id, failure.exception_message) == ("n0", "the node called sys.exit(3)")
    assert bench.run(side_by_side("Later"))[-1] == ExecutionSucceeded()


def test_a_coroutine_may_say_what_has_changed() -> None:
    answers = iter(["same", "same", "other"])

    class Watched(Negate):
        @classmethod
        async def IS_CHANGED(cls, image: Any) -> str:
            await asyncio.sleep(0)
            return next(answers)

    bench = Bench(Watched)

    assert [started(bench.run(chain(2, "Watched"))) for _ in range(3)] == [["0", "1", "out"], [], ["1", "out"]]
