from __future__ import annotations

import json
from typing import Any

import pytest

from services.executor.engine.node_class import NodeClass
from services.executor.engine.results import NodeResult, UnusableResultError, merge_returned, read_returned


def node_class(*returns: str, lists: tuple[bool, ...] | None = None) -> NodeClass:
    shape: dict[str, Any] = {"INPUT_TYPES": classmethod(lambda cls: {}), "RETURN_TYPES": returns}
    return NodeClass("Some", type("Some", (), shape | ({"OUTPUT_IS_LIST": lists} if lists else {})))


def read_results(returned: list[Any], cls: NodeClass) -> NodeResult:
    return merge_returned([read_returned(value, cls) for value in returned], cls, lambda link: ["followed"])


def test_a_tuple_has_a_value_per_output() -> None:
    assert read_results([(1, 2)], node_class("A", "B")) == NodeResult(([1], [2]), b"")


def test_a_dict_may_show_and_give() -> None:
    result = read_results([{"ui": {"text": ["t"]}, "result": (1,)}], node_class("A"))

    assert result == NodeResult(([1],), b'{"text": ["t"]}')


def test_what_a_class_says_of_lists_may_be_shorter_or_longer_than_its_outputs() -> None:
    assert read_results([(1, 2)], node_class("A", "B", lists=(False,))).outputs == ([1], [2])
    assert read_results([([1, 2],)], node_class("A", lists=(True, True))).outputs == ([1, 2],)


def test_a_type_that_lacks_its_comma_is_one_output() -> None:
    one = NodeClass("Some", type("Some", (), {"INPUT_TYPES": classmethod(lambda cls: {}), "RETURN_TYPES": "IMAGE"}))

    assert read_results([(1,)], one).outputs == ([1],)


@pytest.mark.parametrize("returned", [None, (), [], {}, {"ui": {}}, {"result": ()}])
def test_a_node_without_outputs_need_not_return_anything(returned: Any) -> None:
    assert read_results([returned], node_class()) == NodeResult((), b"")


def test_a_node_that_only_shows_gives_nothing() -> None:
    assert read_results([{"ui": {"a": [1]}}], node_class("A")) == NodeResult((), b'{"a": [1]}')


def test_what_several_calls_return_is_joined_in_order() -> None:
    calls = [{"ui": {"a": [1], "b": "x"}, "result": (1, [2, 3])}, {"ui": {"a": (4,)}, "result": (5, (6,))}, (7, [])]

    result = read_results(calls, node_class("A", "B", lists=(False, True)))

    assert result.outputs == ([1, 5, 7], [2, 3, 6])
    assert json.loads(result.ui_json) == {"a": [1, 4], "b": ["x"]}


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        ((1,), "Some returned 1 outputs but declares 2"),
        ((1, 2, 3), "Some returned 3 outputs but declares 2"),
        ({"result": ()}, "Some returned 0 outputs but declares 2"),
        (None, "Some returned None where a tuple of its 2 outputs is expected"),
        ("ab", "Some returned a str where a tuple of its 2 outputs is expected"),
        ({"result": 5}, "Some returned a int where a tuple of its 2 outputs is expected"),
        ({"ui": [1]}, "Some returned a ui that is a list, not a dict"),
        ((1, 2), "Some returned a int for output 1, which it declares to be a list"),
    ],
)
def test_what_does_not_fit_the_declaration_is_said_plainly(returned: Any, complaint: str) -> None:
    with pytest.raises(UnusableResultError) as raised:
        read_results([returned], node_class("A", "B", lists=(False, True)))

    assert str(raised.value) == complaint
