"""Catalogues of several executors as one."""

from __future__ import annotations

from typing import Any

from services.queue.joining import joined


def loader(choices: Any, **others: Any) -> dict[str, Any]:
    return {"Loader": {"input": {"required": {"name": choices, **others}}, "output": ["MODEL"]}}


def names(choices: Any, other_choices: Any) -> Any:
    return joined([loader(choices), loader(other_choices)])["Loader"]["input"]["required"]["name"]


def test_all_classes_are_there_and_the_last_definition_counts() -> None:
    first = {"A": {"input": {}, "output": ["X"]}, "B": {"input": {}}}
    last = {"A": {"input": {}, "output": ["Y"]}, "C": {}}
    assert joined([first, last]) == {"A": {"input": {}, "output": ["Y"]}, "B": {"input": {}}, "C": {}}


def test_choices_are_joined_those_of_the_last_first() -> None:
    assert names([["a", "b"], {"tooltip": "old"}], [["b", "c"], {"tooltip": "new"}]) == [
        ["b", "c", "a"],
        {"tooltip": "new"},
    ]


def test_choices_of_the_newer_interface_are_joined() -> None:
    old, new = ["COMBO", {"options": ["a"]}], ["COMBO", {"options": ["b"], "default": "b"}]
    assert names(old, new) == ["COMBO", {"options": ["b", "a"], "default": "b"}]


def test_choices_that_are_no_text_are_joined_too() -> None:
    assert names([[1, True, ["x"]]], [[["x"], 2]]) == [[["x"], 2, 1, True]]


def test_what_is_no_choice_in_both_is_left_alone() -> None:
    assert names(["INT", {}], [["a"]]) == [["a"]]
    assert names([["a"]], ["INT", {"min": 1}]) == ["INT", {"min": 1}]
    assert names([["a"]], []) == []
    assert names("INT", [["a"], {}]) == [["a"], {}]


def test_an_input_that_only_one_has_is_as_it_is_there() -> None:
    both = joined([loader([["a"]]), loader([["b"]], strength=["FLOAT", {}])])
    assert both["Loader"]["input"]["required"] == {"name": [["b", "a"]], "strength": ["FLOAT", {}]}
