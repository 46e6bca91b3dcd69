from __future__ import annotations

from typing import Any

import pytest

from services.graph.model import Link
from services.graph.signature import Signature, node_signature

SOURCES: dict[str, Signature | None] = {"1": b"one", "2": b"two", "x": None}


def sign(inputs: dict[str, Any], class_type: str = "A", **more: Any) -> Signature | None:
    return node_signature(class_type, inputs, SOURCES, **more)


def test_equal_nodes_have_equal_signatures_whatever_the_order_of_their_inputs() -> None:
    assert sign({"a": 1, "b": Link("1", 0)}) == sign({"b": Link("1", 0), "a": 1}) is not None


@pytest.mark.parametrize(
    "other",
    [
        sign({"a": 2}),
        sign({"a": 1.0}),
        sign({"a": True}),
        sign({"a": "1"}),
        sign({"a": None}),
        sign({"a": [1]}),
        sign({"a": {"1": 1}}),
        sign({"b": 1}),
        sign({}),
        sign({"a": 1, "b": None}),
        sign({"a": 1}, "B"),
        sign({"a": 1}, fingerprint=0),
        sign({"a": 1}, only_as="7"),
        sign({"a": Link("1", 0)}),
    ],
)
def test_any_change_changes_the_signature(other: Signature | None) -> None:
    assert other is not None
    assert other != sign({"a": 1})


def test_links_differ_by_source_and_slot_but_not_by_id() -> None:
    same = node_signature("A", {"a": Link("other", 0)}, {"other": b"one"})

    assert sign({"a": Link("1", 0)}) == same
    assert len({sign({"a": Link("1", 0)}), sign({"a": Link("1", 1)}), sign({"a": Link("2", 0)})}) == 3


@pytest.mark.parametrize(
    "unlike_itself",
    [float("nan"), object(), [1, {"a": float("nan")}], {"k": object()}, {object()}, Link("x", 0), Link("absent", 0)],
)
def test_what_equals_nothing_leaves_the_node_without_a_signature(unlike_itself: Any) -> None:
    assert sign({"a": 1, "b": unlike_itself}) is None


def test_a_fingerprint_that_equals_nothing_leaves_the_node_without_a_signature() -> None:
    assert sign({}, fingerprint=[float("nan")]) is None


def test_values_that_join_to_the_same_text_differ() -> None:
    assert (
        len({sign({"a": ["b", "c"]}), sign({"a": ["bc"]}), sign({"a": ["b"], "c": []}), sign({"a": [["b"], "c"]})}) == 4
    )


def test_mappings_and_sets_do_not_depend_on_their_order() -> None:
    assert sign({"a": {"x": 1, "y": 2}}) == sign({"a": {"y": 2, "x": 1}})
    assert sign({"a": {1, 2, 3}}) == sign({"a": {3, 1, 2}})
