"""Whatever a node raises, returns or shows: one error that names it, or what comes of it; the next prompt runs."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

import pytest
from PIL import Image

from tests.e2e.stack import Stack

_colours = itertools.count(1)


def graph(how: str, class_type: str = "Misbehave") -> dict[str, Any]:
    """A picture that nobody has seen yet, which goes through the node that misbehaves before it is shown."""
    colour = {"width": 8, "height": 8, "batch_size": 1, "color": next(_colours)}
    return {
        "1": {"class_type": "EmptyImage", "inputs": colour},
        "2": {"class_type": class_type, "inputs": {"image": ["1", 0], "how": how}},
        "9": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
    }


def good() -> dict[str, Any]:
    prompt = graph("")
    prompt["9"]["inputs"]["images"] = ["1", 0]
    del prompt["2"]
    return prompt


def error_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The one error of a prompt that failed."""
    names = [name for name, _ in entry["status"]["messages"]]
    assert names == ["execution_start", "execution_cached", "execution_error"]
    assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("error", False)
    error: dict[str, Any] = entry["status"]["messages"][-1][1]
    return error


def assert_next_prompt_works(stack: Stack) -> None:
    entry = stack.finished(stack.submit(good()))
    assert entry["status"]["status_str"] == "success"
    assert entry["outputs"]["9"]["images"]


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("raise ValueError", "ValueError", "it cannot be done with file.txt"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("raise SystemExit", "SystemExit", "the node called sys.exit(3)"),
        ("raise SystemExit in a handler", "SystemExit", "the node called sys.exit('with a reason')"),
        ("raise CancelledError", "CancelledError", ""),
        ("raise GeneratorExit", "GeneratorExit", ""),
        ("raise StopIteration", "StopIteration", ""),
        ("raise StopAsyncIteration", "StopAsyncIteration", ""),
        ("raise MemoryError", "MemoryError", ""),
        ("raise OutOfMemoryError", "torch.OutOfMemoryError", "CUDA out of memory"),
        ("allocate a petabyte", "RuntimeError", "you tried to allocate 4503599627370496 bytes"),
        ("raise RecursionError", "RecursionError", "maximum recursion depth exceeded"),
        ("raise BaseException", "Fatal", "all is lost"),
        ("raise ExceptionGroup", "ExceptionGroup", "several (2 sub-exceptions)"),
        ("raise what cannot be told", "Unspeakable", "Unspeakable whose str() raises RuntimeError"),
        ("raise what has no text", "Nameless", "Nameless whose str() raises TypeError"),
        ("raise a long message", "ValueError", "… (52428800 characters)"),
        ("raise a surrogate", "ValueError", "?"),
        ("raise a long chain", "ValueError", "another"),
    ],
)
def test_what_a_node_raises_is_its_error(stack: Stack, how: str, kind: str, message: str) -> None:
    entry = stack.finished(stack.submit(graph(how)))
    error = error_of(entry)
    assert (error["node_id"], error["node_type"], error["executed"]) == ("2", "Misbehave", ["1"])
    assert error["exception_type"].endswith(kind)
    assert message in error["exception_message"]
    assert len(json.dumps(error)) < 100_000
    assert all(path not in json.dumps(entry) for path in ("/etc/secret", str(stack.data), "/tests/packs"))
    assert_next_prompt_works(stack)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("return None", "returned None where a tuple of its 1 outputs is expected"),
        ("return no tuple", "returned a Tensor where a tuple"),
        ("return too few", "returned 0 outputs but declares 1"),
        ("return too many", "returned 2 outputs but declares 1"),
        ("return a text", "returned a str where a tuple"),
        ("return a generator", "returned a generator where a tuple"),
        ("return a class", "returned a type where a tuple"),
        ("return something hostile", "returned a Hostile where a tuple"),
        ("return a hostile list", "leave me alone"),
        ("return a hostile ui", "returned a ui that is a Hostile, not a dict"),
        ("return a ui that is none", "returned a ui that is a int, not a dict"),
        ("return a hostile result", "returned a Hostile where a tuple"),
        ("return an expansion that is none", "expands to a Hostile, not a dict of nodes"),
        ("return a coroutine that fails", "late"),
        ("show something hostile", "leave me alone"),
        ("show too much", "shows 9,437,199 bytes of JSON, more than the 8,388,608 allowed"),
        ("show something deep", "maximum recursion depth exceeded"),
        ("show something circular", "maximum recursion depth exceeded"),
        ("show a large number", "Exceeds the limit (4300 digits) for integer string conversion"),
    ],
)
def test_what_nobody_can_use_is_the_error_of_the_node_that_returned_it(stack: Stack, how: str, message: str) -> None:
    class_type = "MisbehaveAndShow" if how.startswith("show") else "Misbehave"
    error = error_of(stack.finished(stack.submit(graph(how, class_type))))
    assert (error["node_id"], error["node_type"]) == ("2", class_type)
    assert message in error["exception_message"]
    assert_next_prompt_works(stack)


@pytest.mark.parametrize(
    ("how", "shown"),
    [
        ("leave a coroutine", None),
        ("show NaN", [None]),
        ("show bytes", ["b'\\xff\\x00'"]),
        ("show a set", ["{1}"]),
        ("show odd keys", [{"(1, 2)": 3, "None": 4, "b'5'": 6}]),
    ],
)
def test_what_is_odd_but_can_be_told_is_told(stack: Stack, how: str, shown: Any) -> None:
    entry = stack.finished(stack.submit(graph(how, "MisbehaveAndShow")))
    assert entry["status"]["status_str"] == "success"
    assert entry["outputs"].get("2", {}).get("shown") == shown
    assert entry["outputs"]["9"]["images"]
    assert_next_prompt_works(stack)


@pytest.mark.parametrize(
    ("how", "pixel"),
    [
        ("picture with NaN", (0, 0, 0)),
        ("picture with infinities", (255, 0, 127)),
        ("picture of float64", (127, 127, 127)),
        ("picture of float16", (127, 127, 127)),
        ("picture of whole numbers", (255, 255, 255)),
        ("picture of booleans", (255, 255, 255)),
        ("picture that is not contiguous", (63, 127, 191)),
        ("picture that is repeated", (127, 127, 127)),
        ("picture with a gradient", (0, 0, 0)),
        ("picture of one channel", 255),
        ("picture of two channels", (255, 255)),
        ("picture of four channels", (255, 255, 255, 255)),
        ("picture that is a mask", 255),
        ("no picture", None),
    ],
)
def test_a_picture_that_can_be_stored_is_stored(stack: Stack, how: str, pixel: Any) -> None:
    entry = stack.finished(stack.submit(graph(how)))
    assert entry["status"]["status_str"] == "success"
    images = entry["outputs"]["9"]["images"]
    for image in images:
        answer = stack.client.get("/view", params=image).raise_for_status()
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.size == (8, 8)
            assert picture.getpixel((0, 0)) == pixel
    assert len(images) == {"no picture": 0, "picture that is repeated": 2}.get(how, 1)
    assert_next_prompt_works(stack)


def test_the_log_names_the_node_that_was_given_no_numbers(stack: Stack) -> None:
    prompt_id = stack.submit(graph("picture with NaN"))
    stack.finished(prompt_id)
    stack.line(f"prompt {prompt_id}, node 9: 100 % of the pictures' values are not numbers (NaN)")


@pytest.mark.parametrize(
    ("how", "got"),
    [
        ("picture of complex numbers", "complex numbers"),
        ("picture of five channels", "a tensor of shape (1, 8, 8, 5)"),
        ("picture without channels", "a tensor of shape (1, 8, 8, 0)"),
        ("picture without pixels", "a tensor of shape (1, 0, 8, 3)"),
        ("picture with five sides", "a tensor of shape (1, 1, 8, 8, 3)"),
        ("picture without data", "a tensor without data"),
        ("picture that is sparse", "a tensor of layout torch.sparse_coo"),
        ("picture that is a list", "list"),
        ("picture that is a text", "str"),
        ("picture that is None", "NoneType"),
        ("picture that is a dict", "dict"),
        ("return a hostile output", "Hostile"),
    ],
)
def test_a_picture_that_cannot_be_stored_is_the_error_of_the_node_that_would_store_it(
    stack: Stack, how: str, got: str
) -> None:
    error = error_of(stack.finished(stack.submit(graph(how))))
    assert (error["node_id"], error["node_type"], error["executed"]) == ("9", "PreviewImage", ["1", "2"])
    assert error["exception_message"].startswith("images: expected pictures")
    assert f"got {got}" in error["exception_message"]
    assert_next_prompt_works(stack)
