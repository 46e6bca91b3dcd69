from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from typing import Any

import pytest

from services.executor.engine.context import NodeContext, current_context
from services.executor.engine.failure import message_of
from services.graph.events import ExecutionFailed, ExecutionSucceeded, NodeRef, NodeStarted
from tests.executor.engine.bench import Bench, Nodes, chain, shown
from tests.executor.engine.nodes import Constant, Negate, Show


def failing_with(act: Any) -> type:
    class Broken(Negate):
        def go(self, image: Any) -> Any:
            return act()

    return Broken


BROKEN: Nodes = {
    "1": ("Constant", {"value": 1}),
    "2": ("Broken", {"image": ["1", 0]}),
    "out": ("Show", {"images": ["2", 0]}),
}


def failure_of(bench: Bench, prompt: Nodes = BROKEN) -> ExecutionFailed:
    failure = bench.run(prompt)[-1]
    assert isinstance(failure, ExecutionFailed)
    return failure


def test_a_node_that_raises_is_reported_with_what_it_was_called_with() -> None:
    prompt = chain(2) | {"out": ("Fail", {"image": ["1", 0], "msg": "boom"})}

    events = Bench().run(prompt)

    failure = events[-1]
    assert isinstance(failure, ExecutionFailed)
    assert events[-2] == NodeStarted(NodeRef.of_workflow("out"))
    assert (failure.node_id, failure.node_type) == ("out", "Fail")
    assert (failure.exception_type, failure.exception_message) == ("ValueError", "boom")
    assert failure.executed_node_ids == ("0", "1")
    assert json.loads(failure.current_inputs_json) == {"image": [-1], "msg": ["boom"]}


def test_the_traceback_has_the_nodes_own_frames_and_no_absolute_path() -> None:
    def inner() -> None:
        raise RuntimeError("deep")

    failure = failure_of(Bench(failing_with(inner)))

    assert len(failure.traceback) == 2
    assert failure.traceback[-1].startswith('  File "tests/executor/engine/test_failure.py", line ')
    assert 'raise RuntimeError("deep")' in failure.traceback[-1]
    assert not any('File "/' in line for line in failure.traceback)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cannot read /home/me/models/x.safetensors", "cannot read x.safetensors"),
        ("cannot read /home/me/models/: gone", "cannot read models: gone"),
        ('in "/my own/place/x.png", 3 < 4', 'in "x.png", 3 < 4'),
        ("no \ud800 in UTF-8", "no ? in UTF-8"),
        ("see https://example.org/a/b or image/png or 3/4", "see https://example.org/a/b or image/png or 3/4"),
    ],
)
def test_paths_in_messages_are_cut_to_their_last_part(text: str, told: str) -> None:
    assert message_of(ValueError(text)) == told


def test_messages_do_not_tell_where_things_are_on_the_host() -> None:
    failure = failure_of(Bench(failing_with(lambda: os.stat("/some/secret place/and/file.safetensors"))))

    assert failure.exception_type == "FileNotFoundError"
    assert "file.safetensors" in failure.exception_message
    assert "/" not in failure.exception_message


@pytest.mark.parametrize(
    ("act", "exception_type", "message"),
    [
        (lambda: sys.exit(3), "SystemExit", "the node called sys.exit(3)"),
        (lambda: sys.exit(), "SystemExit", "the node called sys.exit(None)"),
        (lambda: (_ for _ in ()).throw(GeneratorExit), "GeneratorExit", ""),
        (lambda: json.loads("{"), "json.decoder.JSONDecodeError", "Expecting property name"),
        (lambda: dict[str, int]()["\ud800"], "KeyError", "ud800"),
        (lambda: 1 / 0, "ZeroDivisionError", "division by zero"),
    ],
)
def test_whatever_a_node_raises_is_one_failure_and_the_next_prompt_runs(
    act: Any, exception_type: str, message: str
) -> None:
    bench = Bench(failing_with(act))

    failure = failure_of(bench)

    assert (failure.node_id, failure.exception_type) == ("2", exception_type)
    assert message in failure.exception_message
    assert bench.run(chain(2))[-1] == ExecutionSucceeded()


def test_endless_recursion_in_a_node_is_one_failure() -> None:
    def recurse() -> Any:
        return recurse()

    failure = failure_of(Bench(failing_with(recurse)))

    assert failure.exception_type == "RecursionError"
    assert len("".join(failure.traceback)) < 10_000


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, StopIteration, GeneratorExit, asyncio.CancelledError])
@pytest.mark.parametrize("is_async", [False, True])
def test_what_python_raises_for_itself_is_a_failure_like_others(kind: type[BaseException], is_async: bool) -> None:
    def now() -> None:
        raise kind

    async def later() -> None:
        await asyncio.sleep(0)
        raise kind

    bench = Bench(failing_with(later if is_async else now))
    failure = failure_of(bench)

    assert failure.node_id == "2"
    assert kind.__name__ in failure.exception_type or (is_async and kind is StopIteration)
    assert bench.run(chain(2))[-1] == ExecutionSucceeded()


def test_a_class_that_cannot_be_made_or_read_fails_its_node() -> None:
    class Unmakeable(Show):
        def __init__(self) -> None:
            raise OSError("no licence")

    class Unreadable(Show):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            raise OSError("no folder")

    bench = Bench(Unmakeable, Unreadable)

    for class_type, message in (("Unmakeable", "no licence"), ("Unreadable", "no folder")):
        failure = failure_of(bench, chain(1) | {"out": (class_type, {"images": ["0", 0]})})
        assert (failure.node_id, failure.node_type, failure.exception_message) == ("out", class_type, message)


def test_an_argument_that_is_missing_is_named() -> None:
    failure = failure_of(Bench(), {"out": ("Show", {})})

    assert failure.exception_type == "TypeError"
    assert "images" in failure.exception_message


def test_inputs_are_abbreviated_whatever_they_are() -> None:
    class Opaque:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    class Many(Constant):
        RETURN_TYPES = ("A", "B", "C")
        OUTPUT_IS_LIST = (False, False, True)

        def go(self, value: int) -> Any:
            return "x" * 5000, Opaque(), list(range(100))

    class Take(Show):
        INPUT_IS_LIST = True

        def go(self, **inputs: Any) -> Any:
            raise ValueError

    prompt = {
        "m": ("Many", {"value": 1}),
        "out": ("Take", {"images": ["m", 0], "b": ["m", 1], "c": ["m", 2]}),
    }

    inputs = json.loads(failure_of(Bench(Many, Take), prompt).current_inputs_json)

    assert inputs["images"][0].startswith("xxx")
    assert len(inputs["images"][0]) < 1100
    assert "Opaque" in inputs["b"][0]
    assert inputs["c"] == list(range(20))


def test_hidden_inputs_are_kept_out_of_failures() -> None:
    class Secretive(Show):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"hidden": {"key": "API_KEY_COMFY_ORG"}}

        def go(self, key: str = "") -> Any:
            raise ValueError("no")

    failure = Bench(Secretive).run({"out": ("Secretive", {})}, extra_data={"api_key_comfy_org": "hush"})[-1]

    assert isinstance(failure, ExecutionFailed)
    assert failure.current_inputs_json == b"{}"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_of_a_node_that_dies_is_no_failure_of_the_prompt() -> None:
    def start_thread() -> Any:
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        return (7,)

    assert shown(Bench(failing_with(start_thread)).run(BROKEN)) == {"out": {"images": [7]}}


def test_what_a_node_left_behind_says_after_the_end_is_not_heard() -> None:
    left: list[NodeContext] = []

    def leave() -> Any:
        left.append(current_context())
        return (7,)

    events = Bench(failing_with(leave)).run(BROKEN)
    left[0].progress(1, 2)

    assert events[-1] == ExecutionSucceeded()


@pytest.mark.parametrize("returned", [None, (), (1, 2), 5, "image", {"result": None}, object()])
def test_a_node_that_returns_the_wrong_thing_is_one_failure_that_names_it(returned: Any) -> None:
    bench = Bench(failing_with(lambda: returned))

    failure = failure_of(bench)

    assert (failure.node_id, failure.node_type) == ("2", "Broken")
    assert failure.exception_message.startswith("Broken returned ")
    assert bench.run(chain(2))[-1] == ExecutionSucceeded()


def test_a_node_that_gives_nothing_for_an_image_fails_the_node_that_uses_it() -> None:
    prompt = {**BROKEN, "3": ("Negate", {"image": ["2", 0]}), "out": ("Show", {"images": ["3", 0]})}

    failure = failure_of(Bench(failing_with(lambda: (None,))), prompt)

    assert (failure.node_id, failure.exception_type) == ("3", "TypeError")
    assert failure.current_inputs_json == b'{"image": [null]}'


def test_what_is_shown_may_hold_values_that_json_cannot() -> None:
    class Odd(Show):
        def go(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None) -> Any:
            return {"ui": {"values": [float("nan"), object]}}

    events = Bench(Odd).run(chain(1) | {"out": ("Odd", {"images": ["0", 0]})})

    assert shown(events) == {"out": {"values": [None, "<class 'object'>"]}}


def test_a_node_that_shows_something_endless_is_one_failure() -> None:
    class Endless(Show):
        def go(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None) -> Any:
            endless: list[Any] = []
            endless.append(endless)
            return {"ui": {"values": endless}}

    failure = failure_of(Bench(Endless), chain(1) | {"out": ("Endless", {"images": ["0", 0]})})

    assert failure.node_id == "out"


def test_a_class_without_a_function_fails_its_node() -> None:
    bare = type("Bare", (), {"INPUT_TYPES": classmethod(lambda cls: {}), "RETURN_TYPES": ()})

    failure = failure_of(Bench(bare), {"out": ("Bare", {})})

    assert (failure.node_id, failure.exception_type) == ("out", "AttributeError")
    assert "FUNCTION" in failure.exception_message
