from __future__ import annotations

from typing import Any

from services.graph.events import (
    ExecutionFailed,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodeProgress,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from tests.executor.engine.bench import Bench, chain, shown, started
from tests.executor.engine.nodes import Constant, Negate, Show

ref = NodeRef.of_workflow


def test_a_prompt_reports_its_nodes_in_order_and_again_from_the_cache() -> None:
    bench = Bench()
    prompt = chain(2)

    first = bench.run(prompt)
    second = bench.run(prompt)

    assert first == [
        ExecutionStarted(),
        NodesCached(()),
        NodeStarted(ref("0")),
        NodeFinished(ref("0"), b"", reused=False),
        NodeStarted(ref("1")),
        NodeFinished(ref("1"), b"", reused=False),
        NodeStarted(ref("out")),
        NodeFinished(ref("out"), b'{"images": [-1]}', reused=False),
        ExecutionSucceeded(),
    ]
    assert second == [
        ExecutionStarted(),
        NodesCached(("0", "1", "out")),
        NodeFinished(ref("out"), b'{"images": [-1]}', reused=True),
        ExecutionSucceeded(),
    ]


def test_a_cached_output_that_shows_nothing_is_reported_too() -> None:
    class Quiet(Show):
        def go(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None) -> Any:
            return {}

    bench = Bench(Quiet)
    prompt = {"a": ("Constant", {"value": 1}), "out": ("Quiet", {"images": ["a", 0]})}

    bench.run(prompt)

    assert NodeFinished(ref("out"), b"", reused=True) in bench.run(prompt)


def test_only_what_the_outputs_need_runs() -> None:
    prompt = chain(2) | {"x": ("Negate", {"image": ["0", 0]}), "other": ("Show", {"images": ["x", 0]})}

    assert started(Bench().run(prompt)) == ["0", "1", "out"]


def test_an_output_that_another_output_depends_on_runs_even_unasked() -> None:
    class Through(Show):
        RETURN_TYPES = ("IMAGE",)

        def go(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None) -> Any:
            return {"ui": {"images": [images]}, "result": (images + 1,)}

    prompt = {
        "a": ("Constant", {"value": 1}),
        "middle": ("Through", {"images": ["a", 0]}),
        "out": ("Show", {"images": ["middle", 0]}),
    }

    assert shown(Bench(Through).run(prompt)) == {"middle": {"images": [1]}, "out": {"images": [2]}}


def test_outputs_run_as_soon_as_they_can() -> None:
    prompt = {
        "1": ("Constant", {"value": 1}),
        "4": ("Negate", {"image": ["1", 0]}),
        "5": ("Show", {"images": ["4", 0]}),
        "3": ("Show", {"images": ["1", 0]}),
    }

    assert started(Bench().run(prompt, ["5", "3"])) == ["1", "3", "4", "5"]


def test_constants_are_given_as_they_are_declared() -> None:
    got: dict[str, Any] = {}

    class Take(Show):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            kinds = {
                "i": ("INT",),
                "f": ("FLOAT",),
                "s": ("STRING",),
                "b": ("BOOLEAN",),
                "c": (["x", "y"],),
                "l": ("CURVE",),
            }
            return {"required": kinds, "optional": {"absent": ("INT", {"default": 5})}}

        def go(self, **inputs: Any) -> Any:
            got.update(inputs)
            return {}

    given = {"i": "5", "f": 3, "s": None, "b": "false", "c": "y", "l": {"__value__": [[0, 1], [1, 0]]}, "undeclared": 7}
    Bench(Take).run({"out": ("Take", given)})

    assert got == {"i": 5, "f": 3.0, "s": "None", "b": True, "c": "y", "l": [[0, 1], [1, 0]]}
    assert isinstance(got["f"], float)


def test_a_link_to_an_undeclared_input_is_followed() -> None:
    class Sum(Show):
        def go(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None, **more: Any) -> Any:
            return {"ui": {"sum": [images + sum(more.values())]}}

    prompt = {
        "a": ("Constant", {"value": 1}),
        "b": ("Constant", {"value": 20}),
        "out": ("Sum", {"images": ["a", 0], "second": ["b", -1]}),
    }

    assert shown(Bench(Sum).run(prompt)) == {"out": {"sum": [21]}}


def test_a_class_may_declare_any_number_of_inputs() -> None:
    class Anything(dict[str, Any]):
        def __contains__(self, name: object) -> bool:
            return True

        def __getitem__(self, name: str) -> Any:
            return ("INT",)

    class Flexible(Show):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {}, "optional": Anything()}

        def go(self, **inputs: Any) -> Any:
            return {"ui": {"sum": [sum(inputs.values())]}}

    assert shown(Bench(Flexible).run({"out": ("Flexible", {"x": "1", "y": 2})})) == {"out": {"sum": [3]}}


def test_hidden_inputs_are_filled_in() -> None:
    got: dict[str, Any] = {}

    class Curious(Constant):
        OUTPUT_NODE = True

        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            kinds = ("PROMPT", "EXTRA_PNGINFO", "UNIQUE_ID", "DYNPROMPT", "API_KEY_COMFY_ORG", "SOMETHING_NEW")
            return {"hidden": {kind.lower(): kind for kind in kinds}}

        def go(self, **inputs: Any) -> Any:
            got.update(inputs)
            return (0,)

    Bench(Curious).run({"7": ("Curious", {})}, ["7"], extra_data={"extra_pnginfo": {"workflow": 1}})

    source = {"7": {"class_type": "Curious", "inputs": {}}}
    dynamic = got.pop("dynprompt")
    assert got == {
        "prompt": source,
        "extra_pnginfo": {"workflow": 1},
        "unique_id": "7",
        "api_key_comfy_org": None,
    }
    assert dynamic.get_node("7") == source["7"]
    assert dynamic.has_node("7")
    assert not dynamic.has_node("8")
    assert (dynamic.get_display_node_id("7"), dynamic.get_parent_node_id("7")) == ("7", None)


def test_a_node_may_be_a_coroutine_with_a_context() -> None:
    events = Bench().run(chain(2, "Later"))

    assert shown(events) == {"out": {"images": [2]}}
    assert NodeProgress(ref("1"), 1, 1) in events


def test_a_chain_of_5000_nodes_runs() -> None:
    bench = Bench()

    events = bench.run(chain(5000))

    assert events[-1] == ExecutionSucceeded()
    assert len(started(events)) == 5001
    assert started(bench.run(chain(5000))) == []


def test_a_cycle_fails_and_names_its_nodes() -> None:
    prompt = {
        "a": ("Negate", {"image": ["b", 0]}),
        "b": ("Negate", {"image": ["a", 0]}),
        "out": ("Show", {"images": ["a", 0]}),
    }

    failure = Bench().run(prompt)[-1]

    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.exception_message) == ("b", "dependency cycle: b -> a -> b")


def test_a_class_that_is_not_here_fails_its_node() -> None:
    failure = Bench().run({"out": ("Gone", {})})[-1]

    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.node_type) == ("out", "Gone")
    assert failure.exception_message == "there is no node class Gone on this executor"


def test_an_output_that_is_not_in_the_prompt_fails_the_prompt() -> None:
    failure = Bench().run(chain(1), ["elsewhere"])[-1]

    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.exception_message) == ("", "the prompt has no node elsewhere")


def test_a_link_to_nowhere_fails_its_node_and_names_the_input() -> None:
    failure = Bench().run({"out": ("Show", {"images": ["gone", 0]})})[-1]

    assert isinstance(failure, ExecutionFailed)
    assert failure.exception_message == "input images: node gone gave no output 0"


def test_input_types_are_read_once_per_run_and_class() -> None:
    reads = []

    class Counted(Negate):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            reads.append(cls)
            return super().INPUT_TYPES()

    bench = Bench(Counted)
    bench.run(chain(50, "Counted"))
    bench.run(chain(50, "Counted"))

    assert len(reads) == 2
