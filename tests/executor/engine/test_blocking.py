from __future__ import annotations

from typing import Any

import pytest

from services.executor.engine.blocking import ExecutionBlocker
from services.executor.engine.caches.choice import chosen_cache
from services.graph.events import ExecutionSucceeded, NodeBlocked, NodeFinished, NodeRef
from tests.executor.engine.bench import Bench, Nodes, shown, started
from tests.executor.engine.nodes import Constant, Negate, Show

ref = NodeRef.of_workflow


class Block(Negate):
    """Keeps those after it from running."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "msg": ("STRING", {})}}

    def go(self, image: Any, msg: str = "") -> Any:
        return (ExecutionBlocker(msg or None),)


class BlockLater(Block):
    async def go(self, image: Any, msg: str = "") -> Any:
        return ExecutionBlocker(msg or None)


class Items(Constant):
    """Three numbers, the one in the middle blocked."""

    OUTPUT_IS_LIST = (True,)

    def go(self, value: int) -> Any:
        return ([value, ExecutionBlocker(None), value + 2],)


class Same(Negate):
    """Passes lists on as lists of one."""

    OUTPUT_IS_LIST = (True,)

    def go(self, image: Any) -> Any:
        return ([image],)


def blocked(msg: str, class_type: str = "Block") -> Nodes:
    return {
        "1": ("Constant", {"value": 1}),
        "2": (class_type, {"image": ["1", 0], "msg": msg}),
        "3": ("Negate", {"image": ["2", 0]}),
        "out": ("Show", {"images": ["3", 0]}),
    }


@pytest.mark.parametrize("class_type", ["Block", "BlockLater"])
def test_nodes_after_a_silent_blocker_do_not_run_and_the_prompt_succeeds(class_type: str) -> None:
    ran: list[Any] = []

    class Watched(Negate):
        def go(self, image: Any) -> Any:
            ran.append(image)

    events = Bench(Block, BlockLater, Watched).run({**blocked("", class_type), "3": ("Watched", {"image": ["2", 0]})})

    assert ran == []
    assert shown(events) == {}
    assert started(events) == ["1", "2", "3", "out"]
    assert events[-1] == ExecutionSucceeded()


def test_a_message_is_reported_once_by_the_first_node_that_is_blocked() -> None:
    events = Bench(Block).run(blocked("stop here"))

    assert [event for event in events if isinstance(event, NodeBlocked)] == [
        NodeBlocked(ref("3"), "Negate", "stop here", ("1", "2"))
    ]
    assert events[-1] == ExecutionSucceeded()


@pytest.mark.parametrize("cache", ["classic", "none", "lru:100"])
def test_a_blocker_in_a_list_blocks_only_that_item_through_nodes_that_give_lists(cache: str) -> None:
    prompt = {
        "1": ("Items", {"value": 1}),
        "2": ("Same", {"image": ["1", 0]}),
        "out": ("Show", {"images": ["2", 0]}),
    }

    assert shown(Bench(Items, Same, cache=chosen_cache(cache, lambda: 0)).run(prompt)) == {"out": {"images": [1, 3]}}


def test_a_node_that_takes_lists_is_blocked_by_one_item() -> None:
    class Whole(Show):
        INPUT_IS_LIST = True

    events = Bench(Items, Whole).run({"1": ("Items", {"value": 1}), "out": ("Whole", {"images": ["1", 0]})})

    assert shown(events) == {}
    assert events[-1] == ExecutionSucceeded()


def test_one_blocked_output_leaves_the_others_alone() -> None:
    class Half(Constant):
        RETURN_TYPES = ("IMAGE", "IMAGE")

        def go(self, value: int) -> Any:
            return ExecutionBlocker(None), value

    prompt = {
        "1": ("Half", {"value": 7}),
        "a": ("Show", {"images": ["1", 0]}),
        "b": ("Show", {"images": ["1", 1]}),
    }

    assert shown(Bench(Half).run(prompt, ["a", "b"])) == {"b": {"images": [7]}}


def test_a_blocked_run_is_cached_like_any_other() -> None:
    bench = Bench(Block)
    bench.run(blocked("stop here"))

    events = bench.run(blocked("stop here"))

    assert started(events) == []
    assert [event for event in events if isinstance(event, NodeFinished)] == [NodeFinished(ref("out"), b"", True)]
