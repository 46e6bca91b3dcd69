from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest

from services.graph.events import NodeFinished, NodeRef, NodesCached
from tests.executor.engine.bench import Bench, Nodes, chain, run_context, shown, started
from tests.executor.engine.nodes import Constant, Negate, Show

ref = NodeRef.of_workflow


def branches(left: int, right: int) -> Nodes:
    return {
        "1": ("Constant", {"value": left}),
        "2": ("Negate", {"image": ["1", 0]}),
        "3": ("Show", {"images": ["2", 0]}),
        "4": ("Constant", {"value": right}),
        "5": ("Negate", {"image": ["4", 0]}),
        "6": ("Show", {"images": ["5", 0]}),
    }


def test_a_change_runs_only_what_depends_on_it() -> None:
    bench = Bench()
    bench.run(branches(1, 2), ["3", "6"])

    events = bench.run(branches(1, 9), ["3", "6"])

    assert events[1:3] == [NodesCached(("1", "2", "3")), NodeFinished(ref("3"), b'{"images": [-1]}', reused=True)]
    assert started(events) == ["4", "5", "6"]


def test_ids_do_not_matter() -> None:
    bench = Bench()
    bench.run({"1": ("Constant", {"value": 1}), "2": ("Show", {"images": ["1", 0]})}, ["2"])

    events = bench.run({"b": ("Show", {"images": ["a", 0]}), "a": ("Constant", {"value": 1})}, ["b"])

    assert started(events) == []
    assert shown(events) == {"b": {"images": [1]}}


def test_equal_nodes_of_one_prompt_run_once_and_both_report() -> None:
    prompt = {
        "1": ("Constant", {"value": 1}),
        "2": ("Show", {"images": ["1", 0]}),
        "3": ("Show", {"images": ["1", 0]}),
    }

    events = Bench().run(prompt, ["2", "3"])

    assert started(events) == ["1", "2"]
    assert events[-2] == NodeFinished(ref("3"), b'{"images": [1]}', reused=True)


def test_values_that_convert_to_the_same_are_the_same() -> None:
    bench = Bench()
    bench.run({"out": ("Show", {"images": ["a", 0]}), "a": ("Constant", {"value": "5"})})

    assert started(bench.run({"out": ("Show", {"images": ["a", 0]}), "a": ("Constant", {"value": 5.7})})) == []


def test_only_the_last_prompt_is_remembered() -> None:
    bench = Bench()
    bench.run(branches(1, 2), ["3", "6"])
    bench.run(branches(1, 9), ["3", "6"])

    assert started(bench.run(branches(1, 2), ["3", "6"])) == ["4", "5", "6"]


def test_what_the_last_prompt_had_but_did_not_run_is_remembered() -> None:
    bench = Bench()
    bench.run(branches(1, 2), ["3", "6"])

    partial = bench.run(branches(1, 2), ["6"])

    assert partial[1] == NodesCached(("4", "5", "6"))
    assert shown(partial) == {"6": {"images": [-2]}}
    assert started(bench.run(branches(1, 2), ["3", "6"])) == []


def test_a_node_that_is_never_the_same_runs_with_all_that_follow_it() -> None:
    bench = Bench()
    prompt = {
        "1": ("Constant", {"value": 1}),
        "2": ("NeverTheSame", {"image": ["1", 0]}),
        "3": ("Show", {"images": ["2", 0]}),
    }
    bench.run(prompt, ["3"])

    events = bench.run(prompt, ["3"])

    assert events[1] == NodesCached(("1",))
    assert started(events) == ["2", "3"]


def test_is_changed_is_asked_once_per_prompt_with_constants_only() -> None:
    asked: list[dict[str, Any]] = []
    answers = iter(["same", "same", "other"])

    class Watchful(Show):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {"images": ("IMAGE",), "path": ("STRING",)}}

        @classmethod
        def IS_CHANGED(cls, **inputs: Any) -> str:
            asked.append(inputs)
            return next(answers)

        def go(self, images: Any, path: str = "") -> Any:
            return {"ui": {"images": [images]}}

    bench = Bench(Watchful)
    prompt = {"1": ("Constant", {"value": 1}), "out": ("Watchful", {"images": ["1", 0], "path": 7})}

    assert [started(bench.run(prompt)) for _ in range(3)] == [["1", "out"], [], ["out"]]
    assert asked == [{"images": None, "path": "7"}] * 3


def test_a_class_that_fails_to_tell_changes_always_runs(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Show):
        @classmethod
        def IS_CHANGED(cls, **inputs: Any) -> str:
            raise OSError("the disk is gone")

    bench = Bench(Broken)
    prompt = {"1": ("Constant", {"value": 1}), "out": ("Broken", {"images": ["1", 0]})}
    with caplog.at_level(logging.WARNING):
        bench.run(prompt)

        assert started(bench.run(prompt)) == ["out"]
    assert "node out (Broken) cannot tell what has changed" in caplog.text


@pytest.mark.parametrize("mark", [{"NOT_IDEMPOTENT": True}, {"INPUT_TYPES": lambda: {"hidden": {"id": "UNIQUE_ID"}}}])
def test_a_node_that_shares_nothing_is_remembered_by_its_id(mark: dict[str, Any]) -> None:
    class Own(Constant):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {}

        def go(self, **inputs: Any) -> tuple[int]:
            return (0,)

    for name, value in mark.items():
        setattr(Own, name, value)
    bench = Bench(Own)

    assert started(bench.run({"1": ("Own", {}), "2": ("Own", {})}, ["1", "2"])) == ["1", "2"]
    assert started(bench.run({"1": ("Own", {})}, ["1"])) == []
    assert started(bench.run({"3": ("Own", {})}, ["3"])) == ["3"]


def test_what_had_finished_before_a_failure_is_reused() -> None:
    bench = Bench()
    prompt = chain(3) | {"bad": ("Fail", {"image": ["2", 0], "msg": "boom"}), "end": ("Show", {"images": ["bad", 0]})}
    bench.run(prompt, ["end"])

    assert started(bench.run(prompt, ["end"])) == ["bad"]


def test_an_object_lives_as_long_as_prompts_have_its_node() -> None:
    made: list[object] = []

    class Remembers(Show):
        def __init__(self) -> None:
            made.append(self)

    bench = Bench(Remembers)

    def run(value: int, node_id: str = "out") -> None:
        bench.run({"1": ("Constant", {"value": value}), node_id: ("Remembers", {"images": ["1", 0]})}, [node_id])

    run(1)
    run(2)
    assert len(made) == 1
    run(3, "elsewhere")
    assert len(made) == 2
    run(4)
    assert len(made) == 3


def test_freeing_forgets_results_and_objects() -> None:
    bench = Bench()
    bench.run(chain(2))

    bench.engine.free()

    assert started(bench.run(chain(2))) == ["0", "1", "out"]


def test_a_fingerprint_may_be_taken_for_a_node_that_is_not_wanted() -> None:
    asked = []

    class Watched(Negate):
        @classmethod
        def IS_CHANGED(cls, image: Any) -> int:
            asked.append(image)
            return 1

    bench = Bench(Watched)
    prompt = chain(1) | {"w": ("Watched", {"image": ["0", 0]}), "other": ("Show", {"images": ["w", 0]})}
    bench.run(prompt, ["other"])
    bench.run(prompt, ["out"])

    assert len(asked) == 2
    assert started(bench.run(prompt, ["other"])) == []


def test_nothing_that_was_made_within_one_space_of_files_reaches_another() -> None:
    made: list[object] = []

    class Remembers(Show):
        def __init__(self) -> None:
            made.append(self)

    bench = Bench(Remembers)
    nodes: Nodes = {"1": ("Constant", {"value": 1}), "out": ("Remembers", {"images": ["1", 0]})}
    ann, bob = (dataclasses.replace(run_context(), file_space=user) for user in ("ann", "bob"))
    for context, ran, objects in ((ann, ["1", "out"], 1), (ann, [], 1), (bob, ["1", "out"], 2), (bob, [], 2)):
        assert started(bench.run(nodes, context=context)) == ran
        assert len(made) == objects
