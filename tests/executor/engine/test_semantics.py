"""What ComfyUI's own tests demand of an engine, where no other test here is about it, whatever the cache."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.executor.engine.caches.choice import chosen_cache
from services.graph.events import ExecutionSucceeded
from tests.executor.engine.bench import Bench, Nodes, shown, started
from tests.executor.engine.nodes import Constant, Negate, Show
from tests.executor.engine.test_lazy import Mix

KEEPING = pytest.mark.parametrize("cache", ["classic", "lru:100"])
ANY = pytest.mark.parametrize("cache", ["classic", "lru:100", "none"])


class Through(Show):
    """An output whose number goes on, plus one."""

    RETURN_TYPES = ("IMAGE",)

    def go(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None) -> Any:
        return {"ui": {"images": [images]}, "result": (images + 1,)}


class Items(Constant):
    """The numbers 0 up to the value, one by one."""

    OUTPUT_IS_LIST = (True,)

    def go(self, value: int) -> Any:
        return (list(range(value)),)


class Pairs(Negate):
    """Lists of two from all there is."""

    INPUT_IS_LIST = True
    OUTPUT_IS_LIST = (True,)

    def go(self, image: list[int]) -> Any:
        return ([sum(image[start : start + 2]) for start in range(0, len(image), 2)],)


def bench(cache: str, *classes: type) -> Bench:
    return Bench(*classes, Through, Items, Pairs, Mix, cache=chosen_cache(cache, lambda: 0))


def three_outputs() -> Nodes:
    nodes: dict[str, tuple[str, dict[str, Any]]] = {}
    for number in range(3):
        nodes[f"c{number}"] = ("Constant", {"value": number})
        nodes[f"o{number}"] = ("Show", {"images": [f"c{number}", 0]})
    return nodes


@KEEPING
def test_a_random_source_is_cached_like_any_other(cache: str) -> None:
    class Noise(Constant):
        def go(self, value: int) -> tuple[int]:
            return (random.randrange(1 << 60),)

    running = bench(cache, Noise)
    prompt = {"1": ("Noise", {"value": 1}), "out": ("Show", {"images": ["1", 0]})}
    first = shown(running.run(prompt))

    second = running.run(prompt)

    assert started(second) == []
    assert shown(second) == first


@KEEPING
@pytest.mark.parametrize(
    ("answer", "again"), [(False, []), (0, []), ("x", []), (None, []), (float("nan"), ["2", "out"])]
)
def test_only_nan_among_what_is_changed_may_say_always_runs(cache: str, answer: Any, again: list[str]) -> None:
    class Watched(Negate):
        @classmethod
        def IS_CHANGED(cls, image: Any) -> Any:
            return answer

    running = bench(cache, Watched)
    prompt = {
        "out": ("Show", {"images": ["2", 0]}),
        "2": ("Watched", {"image": ["1", 0]}),
        "1": ("Constant", {"value": 1}),
    }
    running.run(prompt)

    assert started(running.run(prompt)) == again


@ANY
def test_an_output_runs_although_another_one_is_linked_to_nowhere(cache: str) -> None:
    prompt = {**three_outputs(), "o1": ("Show", {"images": ["gone", 0]})}
    running = bench(cache)

    assert shown(running.run(prompt, ["o0", "o2"])) == {"o0": {"images": [0]}, "o2": {"images": [2]}}
    assert running.run(three_outputs(), ["o0", "o1", "o2"])[-1] == ExecutionSucceeded()


@ANY
@pytest.mark.parametrize("wanted", [["o0"], ["o2", "o1"], ["o1", "o0", "o2"]])
def test_of_several_outputs_only_the_requested_ones_run_and_what_they_need(cache: str, wanted: list[str]) -> None:
    events = bench(cache).run(three_outputs(), wanted)

    assert sorted(started(events)) == sorted([*wanted, *(name.replace("o", "c") for name in wanted)])
    assert sorted(shown(events)) == sorted(wanted)


@ANY
def test_outputs_that_others_depend_on_run_and_report_although_nobody_asked_for_them(cache: str) -> None:
    prompt = {
        "1": ("Constant", {"value": 1}),
        "a": ("Through", {"images": ["1", 0]}),
        "b": ("Through", {"images": ["a", 0]}),
        "c": ("Through", {"images": ["b", 0]}),
        "aside": ("Show", {"images": ["a", 0]}),
    }

    events = bench(cache).run(prompt, ["b"])

    assert started(events) == ["1", "a", "b"]
    assert shown(events) == {"a": {"images": [1]}, "b": {"images": [2]}}


@ANY
def test_a_request_for_one_output_leaves_the_lazy_inputs_of_others_alone(cache: str) -> None:
    prompt = {
        "m": ("Constant", {"value": 0}),
        **three_outputs(),
        "mix1": ("Mix", {"image1": ["c1", 0], "image2": ["c2", 0], "mask": ["m", 0]}),
        "mix2": ("Mix", {"image1": ["c2", 0], "image2": ["c0", 0], "mask": ["m", 0]}),
        "out1": ("Show", {"images": ["mix1", 0]}),
        "out2": ("Show", {"images": ["mix2", 0]}),
    }

    assert started(bench(cache).run(prompt, ["out1"])) == ["m", "mix1", "c1", "mix1", "out1"]


@ANY
def test_lists_go_through_nodes_that_take_them_whole_and_through_lazy_ones_item_by_item(cache: str) -> None:
    prompt = {
        "items": ("Items", {"value": 6}),
        "pairs": ("Pairs", {"image": ["items", 0]}),
        "a": ("Constant", {"value": 100}),
        "b": ("Constant", {"value": 200}),
        "mix": ("Mix", {"image1": ["a", 0], "image2": ["b", 0], "mask": ["pairs", 0]}),
        "out": ("Show", {"images": ["mix", 0]}),
    }

    assert shown(bench(cache).run(prompt)) == {"out": {"images": [200, 300, 300]}}


@ANY
def test_coroutines_and_other_nodes_mix(cache: str) -> None:
    prompt = {
        "1": ("Constant", {"value": 1}),
        "2": ("Later", {"image": ["1", 0]}),
        "3": ("Negate", {"image": ["2", 0]}),
        "4": ("Later", {"image": ["3", 0]}),
        "5": ("Negate", {"image": ["1", 0]}),
        "x": ("Show", {"images": ["4", 0]}),
        "y": ("Show", {"images": ["5", 0]}),
    }

    assert shown(bench(cache).run(prompt, ["x", "y"])) == {"x": {"images": [-1]}, "y": {"images": [-1]}}
