from __future__ import annotations

import weakref
from typing import Any

import pytest

from services.executor.engine.caches.choice import chosen_cache
from services.graph.events import NodeFinished, NodeRef
from tests.executor.engine.bench import Bench, Nodes, chain, shown, started
from tests.executor.engine.nodes import Negate
from tests.executor.engine.subgraphs import Builder

ALL_OF_CHAIN = ["0", "1", "2", "out"]


def bench(setting: str) -> Bench:
    return Bench(cache=chosen_cache(setting, lambda: 0))


def valued(value: int) -> Nodes:
    return {**chain(3), "0": ("Constant", {"value": value})}


@pytest.mark.parametrize(
    ("setting", "second", "third"),
    [
        ("classic", [], ALL_OF_CHAIN),
        ("lru:100", [], []),
        ("lru:4", [], ALL_OF_CHAIN),
        ("ram:1", [], ALL_OF_CHAIN),
        ("none", ALL_OF_CHAIN, ALL_OF_CHAIN),
    ],
)
def test_an_equal_prompt_at_once_and_after_another(setting: str, second: list[str], third: list[str]) -> None:
    running = bench(setting)
    running.run(valued(1))

    again = started(running.run(valued(1)))
    running.run(valued(2))
    later = started(running.run(valued(1)))

    assert (again, later) == (second, third)


@pytest.mark.parametrize("setting", ["classic", "lru:100", "none"])
def test_equal_outputs_of_one_prompt_both_report(setting: str) -> None:
    prompt = {**valued(1), "same": ("Show", {"images": ["2", 0]})}

    events = bench(setting).run(prompt, ["out", "same"])

    assert shown(events) == {"out": {"images": [1]}, "same": {"images": [1]}}


@pytest.mark.parametrize("setting", ["classic", "lru:100"])
def test_a_node_that_is_never_the_same_runs_whatever_the_order_of_the_prompt(setting: str) -> None:
    running = bench(setting)
    nodes = {
        "out": ("Show", {"images": ["2", 0]}),
        "2": ("NeverTheSame", {"image": ["1", 0]}),
        "1": ("Constant", {"value": 1}),
    }
    running.run(nodes)

    assert started(running.run(nodes)) == ["2", "out"]
    assert started(running.run(dict(reversed(nodes.items())))) == ["2", "out"]


def test_a_cached_output_is_reported_as_reused_and_one_that_ran_is_not() -> None:
    running = bench("lru:100")

    reused = [
        event.reused
        for value in (1, 2, 1)
        for event in running.run(valued(value))
        if isinstance(event, NodeFinished) and event.node == NodeRef.of_workflow("out")
    ]

    assert reused == [False, False, True]


@pytest.mark.parametrize("setting", ["classic", "lru:100", "none"])
def test_freeing_forgets(setting: str) -> None:
    running = bench(setting)
    running.run(valued(1))

    running.engine.free()

    assert started(running.run(valued(1))) == ALL_OF_CHAIN


class Tracked:
    """A number that can be counted while it is alive."""

    def __init__(self, alive: weakref.WeakSet[Tracked]) -> None:
        alive.add(self)


def most_alive(setting: str, prompt: Nodes) -> int:
    """How many results of the prompt are in memory at a time, at most."""
    alive: weakref.WeakSet[Tracked] = weakref.WeakSet()
    counts = []

    class Make(Negate):
        def go(self, image: Any) -> Any:
            counts.append(len(alive))
            return (Tracked(alive),)

    Bench(Make, cache=chosen_cache(setting, lambda: 0)).run(prompt)
    return max(counts)


def test_without_a_cache_a_result_is_let_go_when_nobody_needs_it_any_more() -> None:
    prompt = chain(20, "Make")

    assert most_alive("none", prompt) == 1
    assert most_alive("classic", prompt) == 18


def test_what_a_later_expansion_needs_and_was_let_go_is_made_again() -> None:
    class Reach(Negate):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {"image": ("IMAGE",)}}

        def go(self, image: Any) -> Any:
            builder = Builder()
            return {"result": ([builder.node("Negate", image=["0", 0]), 0],), "expand": builder.nodes}

    prompt = {**chain(3), "3": ("Reach", {"image": ["2", 0]}), "out": ("Show", {"images": ["3", 0]})}

    events = Bench(Reach, cache=chosen_cache("none", lambda: 0)).run(prompt)

    assert shown(events) == {"out": {"images": [-1]}}
    assert started(events) == ["0", "1", "2", "3", "0", "3.0.0.1", "out"]
