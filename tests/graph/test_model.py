from __future__ import annotations

import json
import math

import pytest

from services.graph.errors import PromptRejected
from services.graph.model import MAX_NESTING, Link, parse_graph


def rejection(graph_json: bytes) -> dict[str, str]:
    with pytest.raises(PromptRejected) as raised:
        parse_graph(graph_json)
    error: dict[str, str] = json.loads(raised.value.error_json)
    return error


def inputs_of(inputs: str) -> dict[str, object]:
    graph = parse_graph(b'{"1": {"class_type": "A", "inputs": %b}}' % inputs.encode())
    return dict(graph.nodes["1"].inputs)


def test_nodes_keep_the_order_in_which_they_were_sent() -> None:
    graph = parse_graph(b'{"9": {"class_type": "A"}, "b": {"class_type": "B"}, "1": {"class_type": "A"}}')

    assert [(node.id, node.class_type) for node in graph.nodes.values()] == [("9", "A"), ("b", "B"), ("1", "A")]


def test_what_only_frontends_read_is_kept_in_the_source() -> None:
    graph = parse_graph(b'{"1": {"class_type": "A", "_meta": {"title": "T"}}}')

    assert graph.source["1"]["_meta"] == {"title": "T"}


def test_a_pair_of_id_and_slot_is_a_link_and_other_lists_are_not() -> None:
    inputs = inputs_of('{"a": ["2", 0], "b": ["2", -1], "c": ["2", "0"], "d": [2, 0], "e": ["2", true], "f": []}')

    assert inputs == {
        "a": Link("2", 0),
        "b": Link("2", -1),
        "c": ["2", "0"],
        "d": [2, 0],
        "e": ["2", True],
        "f": [],
    }


def test_integers_of_64_bits_and_nan_survive() -> None:
    inputs = inputs_of('{"seed": 18446744073709551615, "nan": NaN, "big": -Infinity}')

    assert inputs["seed"] == 18446744073709551615
    assert math.isnan(inputs["nan"])  # type: ignore[arg-type]
    assert inputs["big"] == -math.inf


def test_sources_leave_out_links_to_nowhere() -> None:
    graph = parse_graph(
        b'{"1": {"class_type": "A"}, "2": {"class_type": "A", "inputs": {"x": ["1", 0], "y": ["7", 0]}}}'
    )

    assert list(graph.sources("2")) == ["1"]


@pytest.mark.parametrize("nothing", [b"", b"null"])
def test_nothing_is_no_prompt(nothing: bytes) -> None:
    assert rejection(nothing) == {
        "type": "no_prompt",
        "message": "No prompt provided",
        "details": "No prompt provided",
        "extra_info": {},
    }


@pytest.mark.parametrize("malformed", [b"{", b"\xff\xfe{}", b"[" * 100_000, b'{"1": 1' + b"0" * 5000 + b"}"])
def test_what_is_not_json_is_an_invalid_prompt(malformed: bytes) -> None:
    error = rejection(malformed)

    assert (error["type"], error["message"]) == ("invalid_prompt", "The prompt is not valid JSON")
    assert error["details"]


@pytest.mark.parametrize(
    ("source", "kind"), [(b'"abc"', "a string"), (b"[1]", "a list"), (b"5", "a number"), (b"true", "a boolean")]
)
def test_what_is_no_object_is_an_invalid_prompt_that_says_what_it_is(source: bytes, kind: str) -> None:
    error = rejection(source)

    assert (error["type"], error["details"]) == ("invalid_prompt", f"got {kind}")


def test_an_empty_list_is_a_prompt_without_nodes() -> None:
    assert not parse_graph(b"[]").nodes


@pytest.mark.parametrize("node", [b"null", b'"abc"', b"[]", b"{}", b'{"inputs": {}}'])
def test_a_node_without_a_class_is_named(node: bytes) -> None:
    error = rejection(b'{"1": {"class_type": "A"}, "b 7": %b}' % node)

    assert error["message"] == "Cannot execute because a node is missing the class_type property."
    assert error["details"] == "Node ID '#b 7'"


@pytest.mark.parametrize(("class_type", "text"), [(b"null", "None"), (b"{}", "{}"), (b"[1]", "[1]"), (b"3", "3")])
def test_a_class_that_is_no_string_does_not_exist(class_type: bytes, text: str) -> None:
    error = rejection(b'{"1": {"class_type": %b}}' % class_type)

    assert error["message"] == f"Cannot execute because node {text} does not exist."


@pytest.mark.parametrize("inputs", [b"null", b'"abc"', b"[]"])
def test_inputs_that_are_no_object_are_refused_by_node(inputs: bytes) -> None:
    error = rejection(b'{"1": {"class_type": "A", "inputs": %b}}' % inputs)

    assert (error["type"], error["details"]) == ("invalid_prompt", "Node ID '#1'")


def test_text_that_cannot_be_written_as_utf8_is_refused_where_it_names_things() -> None:
    assert rejection(b'{"\\ud800": {"class_type": "A"}}')["type"] == "invalid_prompt"
    assert rejection(b'{"1": {"class_type": "\\ud800"}}')["type"] == "invalid_prompt"


def test_a_constant_may_be_nested_as_deep_as_the_limit_and_no_deeper() -> None:
    deepest = "[" * MAX_NESTING + "]" * MAX_NESTING

    assert inputs_of(f'{{"a": {{"__value__": {deepest[1:-1]}}}}}')
    error = rejection(b'{"1": {"class_type": "A", "inputs": {"a": {"__value__": %b}}}}' % deepest.encode())
    assert "Input a is nested deeper" in error["message"]
