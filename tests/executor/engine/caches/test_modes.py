from __future__ import annotations

import pytest

from services.executor.engine.caches.choice import chosen_cache
from services.graph.events import NodeFinished, NodeRef
from tests.executor.engine.bench import Bench, Nodes, chain, shown, started

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
