from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.executor.engine.context import Interrupted, RunContext, current_context
from services.graph.events import ExecutionEvent, ExecutionInterrupted, ExecutionSucceeded, NodeProgress
from tests.executor.engine.bench import Bench, chain, run_context, started
from tests.executor.engine.nodes import Constant, Negate

STEPS = {
    "0": ("Constant", {"value": 1}),
    "1": ("Steps", {"image": ["0", 0], "steps": 5}),
    "out": ("Show", {"images": ["1", 0]}),
}


def stopping(context: RunContext) -> Callable[[ExecutionEvent], None]:
    """Asks the run to stop at its first progress."""

    def on_event(event: ExecutionEvent) -> None:
        if isinstance(event, NodeProgress):
            context.interrupted.set()

    return on_event


def test_a_node_stops_at_its_next_step() -> None:
    context = run_context()

    events = Bench().run(STEPS, context=context, on_event=stopping(context))

    assert [event.value for event in events if isinstance(event, NodeProgress)] == [1]
    assert events[-1] == ExecutionInterrupted("1", "Steps", ("0",))


def test_the_next_node_does_not_begin() -> None:
    context = run_context()

    class Last(Negate):
        def go(self, image: Any) -> Any:
            context.interrupted.set()
            return (image,)

    events = Bench(Last).run(chain(2, "Last"), context=context)

    assert events[-1] == ExecutionInterrupted("out", "Show", ("0", "1"))


def test_a_node_that_guards_against_every_exception_stops_all_the_same() -> None:
    context = run_context()

    class Stubborn(Negate):
        def go(self, image: Any) -> Any:
            for _ in range(10):
                try:
                    current_context().raise_if_interrupted()
                except Exception:
                    continue
                context.interrupted.set()
            return (image,)

    events = Bench(Stubborn).run(chain(2, "Stubborn"), context=context)

    assert events[-1] == ExecutionInterrupted("1", "Stubborn", ("0",))


def test_a_mapped_node_stops_between_items() -> None:
    context = run_context()
    seen: list[int] = []

    class Many(Constant):
        OUTPUT_IS_LIST = (True,)

        def go(self, value: int) -> Any:
            return ([1, 2, 3],)

    class Each(Negate):
        def go(self, image: Any) -> Any:
            seen.append(image)
            context.interrupted.set()
            return (image,)

    prompt = {"0": ("Many", {"value": 1}), "1": ("Each", {"image": ["0", 0]}), "out": ("Show", {"images": ["1", 0]})}

    assert isinstance(Bench(Many, Each).run(prompt, context=context)[-1], ExecutionInterrupted)
    assert seen == [1]


def test_a_coroutine_can_be_interrupted() -> None:
    context = run_context()

    class Slow(Negate):
        async def go(self, image: Any) -> Any:
            context.interrupted.set()
            current_context().raise_if_interrupted()

    assert Bench(Slow).run(chain(2, "Slow"), context=context)[-1] == ExecutionInterrupted("1", "Slow", ("0",))


def test_what_had_finished_is_reused_by_the_next_run() -> None:
    bench = Bench()
    context = run_context()
    bench.run(STEPS, context=context, on_event=stopping(context))

    events = bench.run(STEPS)

    assert started(events) == ["1", "out"]
    assert events[-1] == ExecutionSucceeded()


def test_a_class_interrupted_while_it_tells_changes_ends_the_run() -> None:
    class Hashing(Negate):
        @classmethod
        def IS_CHANGED(cls, image: Any) -> Any:
            raise Interrupted

    assert Bench(Hashing).run(chain(2, "Hashing"))[-1] == ExecutionInterrupted("1", "Hashing", ())
