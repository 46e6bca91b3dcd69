from __future__ import annotations

from typing import Any

import pytest

from services.executor.engine.blocking import ExecutionBlocker
from services.executor.engine.caches.choice import chosen_cache
from services.graph.events import (
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from tests.executor.engine.bench import Bench, Nodes, chain, run_context, shown, started
from tests.executor.engine.nodes import Constant, Negate, Show
from tests.executor.engine.subgraphs import SUBGRAPHS, Builder
from tests.executor.engine.test_lazy import Mix

CACHES = ["classic", "none", "lru:100", "ram:0.001"]
ref = NodeRef.of_workflow


def made(node_id: str, parent: str = "2", real: str = "2", display: str = "2") -> NodeRef:
    return NodeRef(node_id, display, parent, real)


def expanding(class_type: str = "Expand", n: int = 2, value: int = 1) -> Nodes:
    return {
        "1": ("Constant", {"value": value}),
        "2": (class_type, {"image": ["1", 0], "n": n}),
        "out": ("Show", {"images": ["2", 0]}),
    }


def test_a_node_may_be_replaced_by_others_which_are_seen_as_part_of_it() -> None:
    bench = Bench(*SUBGRAPHS)

    first = bench.run(expanding())
    second = bench.run(expanding())

    assert first == [
        ExecutionStarted(),
        NodesCached(()),
        NodeStarted(ref("1")),
        NodeFinished(ref("1"), b"", False),
        NodeStarted(ref("2")),
        NodeStarted(made("2.0.0.1")),
        NodeFinished(made("2.0.0.1"), b"", False),
        NodeStarted(made("2.0.0.2")),
        NodeFinished(made("2.0.0.2"), b"", False),
        NodeStarted(made("2.0.0.3")),
        NodeFinished(made("2.0.0.3"), b'{"images": [1]}', False),
        NodeFinished(ref("2"), b"", False),
        NodeStarted(ref("out")),
        NodeFinished(ref("out"), b'{"images": [1]}', False),
        ExecutionSucceeded(),
    ]
    assert second == [
        ExecutionStarted(),
        NodesCached(("1", "2", "out")),
        NodeFinished(ref("out"), b'{"images": [1]}', True),
        ExecutionSucceeded(),
    ]


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_nodes_that_were_made_may_make_others(cache: str, n: int) -> None:
    events = Bench(*SUBGRAPHS, cache=chosen_cache(cache, lambda: 0)).run(expanding("Countdown", n))

    assert shown(events) == {"out": {"images": [2**n]}}
    refs = [event.node for event in events if isinstance(event, NodeStarted)]
    assert NodeRef("2.0.0.2", "2", "2", "2") in refs
    if n > 1:
        assert NodeRef("2.0.0.2.0.0.1", "2", "2.0.0.2", "2") in refs


@pytest.mark.parametrize("cache", CACHES)
def test_a_loop_runs_its_body_until_it_is_done(cache: str) -> None:
    prompt = {
        "0": ("Constant", {"value": 3}),
        "open": ("WhileOpen", {"value": ["0", 0]}),
        "body": ("Double", {"image": ["open", 1]}),
        "close": ("WhileClose", {"flow": ["open", 0], "value": ["body", 0], "limit": 40}),
        "out": ("Show", {"images": ["close", 0]}),
    }
    bench = Bench(*SUBGRAPHS, cache=chosen_cache(cache, lambda: 0))

    for _ in range(2):
        events = bench.run(prompt)
        assert shown(events) == {"out": {"images": [48]}}
    displayed = [event.node.display_node_id for event in events if isinstance(event, NodeStarted)]
    assert set(displayed) <= {"0", "open", "body", "close", "out"}
    if cache == "none":
        assert displayed.count("body") == 4


def test_a_loop_of_500_rounds_runs() -> None:
    class Count(Negate):
        def go(self, image: Any) -> Any:
            return (image + 1,)

    prompt = {
        "0": ("Constant", {"value": 0}),
        "open": ("WhileOpen", {"value": ["0", 0]}),
        "body": ("Count", {"image": ["open", 1]}),
        "close": ("WhileClose", {"flow": ["open", 0], "value": ["body", 0], "limit": 500}),
        "out": ("Show", {"images": ["close", 0]}),
    }

    assert shown(Bench(*SUBGRAPHS, Count).run(prompt)) == {"out": {"images": [500]}}


def test_items_of_a_list_may_return_values_results_and_expansions_which_are_joined_in_order() -> None:
    class Items(Constant):
        OUTPUT_IS_LIST = (True,)

        def go(self, value: int) -> Any:
            return (list(range(value)),)

    class Mixed(Negate):
        def go(self, image: int) -> Any:
            if image % 4 == 0:
                return (image,)
            if image % 4 == 1:
                return {"result": (image * 10,)}
            if image % 4 == 2:
                return ExecutionBlocker(None)
            builder = Builder()
            return {"result": ([builder.node("Negate", image=image), 0],), "expand": builder.nodes}

    prompt = {
        "1": ("Items", {"value": 8}),
        "2": ("Mixed", {"image": ["1", 0]}),
        "out": ("Show", {"images": ["2", 0]}),
    }

    events = Bench(Items, Mixed).run(prompt)

    assert shown(events) == {"out": {"images": [0, 10, -3, 4, 50, -7]}}
    assert started(events) == ["1", "2", "2.3.0.1", "2.7.0.1", "out"]


def test_what_the_node_itself_shows_is_reported_when_it_is_done() -> None:
    class Telling(Negate):
        OUTPUT_NODE = True

        def go(self, image: Any) -> Any:
            builder = Builder()
            result = ([builder.node("Negate", image=image), 0],)
            return {"ui": {"text": ["expanded"]}, "result": result, "expand": builder.nodes}

    assert shown(Bench(Telling).run(chain(2, "Telling"), ["1"])) == {"1": {"text": ["expanded"]}}


def test_an_output_that_only_expands_runs_what_it_made() -> None:
    class Quiet(Show):
        def go(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None) -> Any:
            builder = Builder()
            builder.node("Show", images=images)
            return {"expand": builder.nodes}

    events = Bench(Quiet).run(chain(1) | {"out": ("Quiet", {"images": ["0", 0]})})

    assert shown(events) == {"out.0.0.1": {"images": [1]}}
    assert events[-1] == ExecutionSucceeded()


def test_a_link_to_an_output_that_is_a_list_gives_all_its_items() -> None:
    class Items(Constant):
        OUTPUT_IS_LIST = (True,)

        def go(self, value: int) -> Any:
            return (list(range(value)),)

    class Many(Negate):
        OUTPUT_IS_LIST = (True,)

        def go(self, image: Any) -> Any:
            builder = Builder()
            return {"result": ([builder.node("Items", value=image), 0],), "expand": builder.nodes}

    prompt = {
        "1": ("Constant", {"value": 3}),
        "2": ("Many", {"image": ["1", 0]}),
        "out": ("Show", {"images": ["2", 0]}),
    }

    assert shown(Bench(Items, Many).run(prompt)) == {"out": {"images": [0, 1, 2]}}


def test_values_that_are_no_json_may_be_given_to_nodes_that_are_made() -> None:
    class Opaque:
        def __neg__(self) -> int:
            return 7

    class Wrap(Negate):
        def go(self, image: Any) -> Any:
            builder = Builder()
            return {"result": ([builder.node("Negate", image=Opaque()), 0],), "expand": builder.nodes}

    assert shown(Bench(Wrap).run(chain(2, "Wrap"))) == {"out": {"images": [7]}}


def test_a_cycle_made_on_the_way_is_the_failure_of_the_node_that_made_it() -> None:
    class Tangle(Negate):
        def go(self, image: Any) -> Any:
            builder = Builder()
            first, second = (builder.prefix + name for name in "ab")
            builder.node("Negate", "a", image=[second, 0])
            builder.node("Negate", "b", image=[first, 0])
            return {"result": ([first, 0],), "expand": builder.nodes}

    failure = Bench(Tangle).run(chain(2, "Tangle"))[-1]

    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.node_type) == ("1", "Tangle")
    assert failure.exception_message == "dependency cycle: 1.0.0.b -> 1.0.0.a -> 1.0.0.b"
    assert failure.executed_node_ids == ("0",)


def test_a_cycle_through_lazy_inputs_made_on_the_way_is_blamed_on_the_node_too() -> None:
    class Tangle(Negate):
        def go(self, image: Any) -> Any:
            builder = Builder()
            first, second = (builder.prefix + name for name in "ab")
            builder.node("Mix", "a", image1=image, image2=[second, 0], mask=1)
            builder.node("Mix", "b", image1=image, image2=[first, 0], mask=1)
            return {"result": ([first, 0],), "expand": builder.nodes}

    failure = Bench(Tangle, Mix).run(chain(2, "Tangle"))[-1]

    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.exception_message) == ("1", "dependency cycle: 1.0.0.b -> 1.0.0.a -> 1.0.0.b")


def test_a_node_that_waits_for_itself_is_a_cycle() -> None:
    class Selfish(Negate):
        def go(self, image: Any) -> Any:
            builder = Builder()
            return {"result": ([builder.node("Negate", image=["1", 0]), 0],), "expand": builder.nodes}

    failure = Bench(Selfish).run(chain(2, "Selfish"))[-1]

    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.exception_type.rsplit(".", 1)[-1]) == ("1", "DependencyCycleError")


def test_what_a_made_node_raises_is_the_failure_of_the_workflows_node() -> None:
    class Wrap(Negate):
        def go(self, image: Any) -> Any:
            builder = Builder()
            return {"result": ([builder.node("Fail", image=1, msg="boom"), 0],), "expand": builder.nodes}

    failure = Bench(Wrap).run(chain(2, "Wrap"))[-1]

    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.node_type, failure.exception_message) == ("1", "Wrap", "boom")


def test_an_interruption_inside_names_the_workflows_node() -> None:
    context = run_context()

    class Stop(Negate):
        def go(self, image: Any) -> Any:
            context.interrupted.set()
            return (image,)

    class Wrap(Negate):
        def go(self, image: Any) -> Any:
            builder = Builder()
            last = builder.node("Negate", image=[builder.node("Stop", image=1), 0])
            return {"result": ([last, 0],), "expand": builder.nodes}

    events = Bench(Stop, Wrap).run(chain(2, "Wrap"), context=context)

    assert events[-1] == ExecutionInterrupted("1", "Wrap", ("0", "1.0.0.1"))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"expand": 5, "result": (1,)}, "Odd expands to a int, not a dict of nodes"),
        ({"expand": {"0": {"class_type": "Negate"}}, "result": (1,)}, "Odd expands to a node 0, which is there alr"),
        ({"expand": {"x": None}, "result": (1,)}, "Odd expands to a node x that cannot be read: Cannot execute"),
        ({"expand": {5: {"class_type": "Negate"}}, "result": (1,)}, "Odd expands to a node 5 that cannot be read"),
        ({"expand": {"x": {"class_type": "Gone"}}, "result": (["x", 0],)}, "there is no node class Gone"),
        ({"expand": {}, "result": (["gone", 0],)}, "result: node gone gave no output 0"),
        ({"expand": {"x": {"class_type": "Constant", "inputs": {"value": 1}}}, "result": (["x", 3],)}, "no output 3"),
        ({"expand": {}, "result": (1, 2)}, "Odd returned 2 outputs but declares 1"),
    ],
)
def test_an_expansion_that_makes_no_sense_fails_the_node_and_the_next_prompt_runs(returned: Any, message: str) -> None:
    class Odd(Negate):
        def go(self, image: Any) -> Any:
            return returned

    bench = Bench(Odd)

    failure = bench.run(chain(2, "Odd"))[-1]

    assert isinstance(failure, ExecutionFailed)
    assert failure.node_id == "1"
    assert message in failure.exception_message
    assert bench.run(chain(2))[-1] == ExecutionSucceeded()


@pytest.mark.parametrize(("cache", "reran"), [("classic", ["2.0.0.2"]), ("lru:100", ["2.0.0.2"]), ("none", None)])
def test_when_a_node_makes_the_same_nodes_again_they_are_reused(cache: str, reran: list[str] | None) -> None:
    class Parts(Negate):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {"image": ("IMAGE",), "n": ("INT", {})}}

        def go(self, image: Any, n: int = 0) -> Any:
            builder = Builder()
            builder.node("Constant", value=5)
            builder.node("Show", images=n)
            return {"result": ([f"{builder.prefix}1", 0],), "expand": builder.nodes}

    bench = Bench(Parts, cache=chosen_cache(cache, lambda: 0))
    bench.run(expanding("Parts", 1))
    bench.run(expanding("Parts", 1))

    again = [node_id for node_id in started(bench.run(expanding("Parts", 2))) if node_id.startswith("2.")]

    assert again == (["2.0.0.2", "2.0.0.1"] if reran is None else reran)


def test_what_a_node_no_longer_makes_is_forgotten() -> None:
    bench = Bench(*SUBGRAPHS)
    for n in (4, 1, 1):
        bench.run(expanding("Countdown", n))

    inner = [node_id for node_id in started(bench.run(expanding("Countdown", 4))) if node_id.startswith("2.")]

    assert len(inner) > 4
