from __future__ import annotations

from typing import Any

import pytest

from services.executor.engine.caches.choice import chosen_cache
from services.graph.events import ExecutionFailed, ExecutionSucceeded
from tests.executor.engine.bench import Bench, Nodes, shown, started
from tests.executor.engine.nodes import Constant, Later, Negate


class Mix:
    """One or the other image, or both, as the mask says; asks for what it needs."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        lazy = ("IMAGE", {"lazy": True})
        return {"required": {"image1": lazy, "image2": lazy, "mask": ("IMAGE",)}}

    def check_lazy_status(self, mask: Any, image1: Any, image2: Any) -> list[str]:
        missing = {"image1": image1 is None, "image2": image2 is None}
        wanted = {0: ["image1"], 1: ["image2"]}.get(mask, ["image1", "image2"])
        return [name for name in wanted if missing[name]]

    def go(self, mask: Any, image1: Any, image2: Any) -> Any:
        return ({0: image1, 1: image2}[mask] if mask in (0, 1) else image1 + image2,)


class MixLater(Mix):
    async def check_lazy_status(self, mask: Any, image1: Any, image2: Any) -> list[str]:
        return super().check_lazy_status(mask, image1, image2)


class Items(Constant):
    """A list of the numbers 0 up to the value."""

    OUTPUT_IS_LIST = (True,)

    def go(self, value: int) -> Any:
        return (list(range(value)),)


def mixed(mask: int, class_type: str = "Mix") -> Nodes:
    return {
        "1": ("Constant", {"value": 10}),
        "2": ("Constant", {"value": 20}),
        "m": ("Constant", {"value": mask}),
        "4": (class_type, {"image1": ["1", 0], "image2": ["2", 0], "mask": ["m", 0]}),
        "out": ("Show", {"images": ["4", 0]}),
    }


@pytest.mark.parametrize("class_type", ["Mix", "MixLater"])
@pytest.mark.parametrize("cache", ["classic", "none", "lru:100"])
@pytest.mark.parametrize(
    ("mask", "ran", "result"),
    [
        (0, ["m", "4", "1", "4", "out"], 10),
        (1, ["m", "4", "2", "4", "out"], 20),
        (2, ["m", "4", "1", "2", "4", "out"], 30),
    ],
)
def test_a_lazy_input_is_only_computed_when_the_node_asks_for_it(
    class_type: str, cache: str, mask: int, ran: list[str], result: int
) -> None:
    bench = Bench(Mix, MixLater, cache=chosen_cache(cache, lambda: 0))

    events = bench.run(mixed(mask, class_type))

    assert started(events) == ran
    assert shown(events) == {"out": {"images": [result]}}
    assert (started(bench.run(mixed(mask, class_type))) == []) == (cache != "none")


def test_what_one_prompt_did_not_need_the_next_one_computes() -> None:
    bench = Bench(Mix)
    bench.run(mixed(0))

    events = bench.run(mixed(1))

    assert started(events) == ["m", "4", "2", "4", "out"]
    assert shown(events) == {"out": {"images": [20]}}


def test_items_of_a_list_may_ask_for_different_inputs_and_all_are_computed() -> None:
    prompt = {**mixed(0), "m": ("Items", {"value": 3})}

    events = Bench(Mix, Items).run(prompt)

    assert started(events)[:4] == ["m", "4", "1", "2"]
    assert shown(events) == {"out": {"images": [10, 20, 30]}}


def test_a_lazy_input_that_another_node_computes_anyway_is_given() -> None:
    class Peek(Mix):
        def check_lazy_status(self, mask: Any, image1: Any, image2: Any) -> list[str]:
            return []

        def go(self, mask: Any, image1: Any, image2: Any) -> Any:
            return ((image1, image2),)

    prompt = {**mixed(0, "Peek"), "early": ("Show", {"images": ["1", 0]}), "m": ("Negate", {"image": ["1", 0]})}

    assert shown(Bench(Peek).run(prompt, ["early", "out"]))["out"] == {"images": [[10, None]]}


def test_a_class_that_does_not_choose_never_gets_its_lazy_inputs() -> None:
    class Careless(Negate):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {"image": ("IMAGE", {"lazy": True})}}

        def go(self, image: Any) -> Any:
            return (image,)

    prompt = {
        "1": ("Constant", {"value": 1}),
        "2": ("Careless", {"image": ["1", 0]}),
        "out": ("Show", {"images": ["2", 0]}),
    }

    assert started(Bench(Careless).run(prompt)) == ["2", "out"]


def test_a_lazy_branch_that_is_not_needed_never_runs_though_it_is_a_coroutine() -> None:
    prompt = {**mixed(0), "2": ("Later", {"image": ["1", 0]})}

    assert "2" not in started(Bench(Mix, Later).run(prompt))


def test_only_the_requested_outputs_make_lazy_inputs_run() -> None:
    prompt = {**mixed(0), "other": ("Show", {"images": ["2", 0]})}

    assert "2" not in started(Bench(Mix).run(prompt, ["out"]))


def test_asking_for_an_input_that_is_linked_to_nothing_fails_the_node() -> None:
    class Greedy(Mix):
        def check_lazy_status(self, mask: Any, image1: Any = None, image2: Any = None) -> list[str]:
            return ["image2"]

    prompt = {**mixed(0), "4": ("Greedy", {"image1": ["1", 0], "mask": ["m", 0]})}

    failure = Bench(Greedy).run(prompt)[-1]

    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.exception_message) == (
        "4",
        "Greedy asks for its input image2, which is linked to nothing",
    )


def test_what_check_lazy_status_raises_is_the_nodes_failure_and_the_next_prompt_runs() -> None:
    class Broken(Mix):
        def check_lazy_status(self, mask: Any, image1: Any, image2: Any) -> list[str]:
            raise ValueError("cannot choose")

    bench = Bench(Mix, Broken)

    failure = bench.run(mixed(0, "Broken"))[-1]

    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.exception_message) == ("4", "cannot choose")
    assert bench.run(mixed(0))[-1] == ExecutionSucceeded()


def test_a_cycle_through_a_lazy_input_is_found_when_it_is_asked_for() -> None:
    prompt = {**mixed(0), "1": ("Mix", {"image1": ["4", 0], "image2": ["2", 0], "mask": ["m", 0]})}

    failure = Bench(Mix).run(prompt)[-1]

    assert isinstance(failure, ExecutionFailed)
    assert failure.exception_message == "dependency cycle: 1 -> 4 -> 1"
