from __future__ import annotations

from typing import Any

import pytest

from services.executor.engine.lists import arguments_of_calls


def called(values: dict[str, list[Any]], *, takes_lists: bool = False) -> list[Any]:
    return list(arguments_of_calls(values, takes_lists=takes_lists))


def test_a_function_is_called_once_for_single_values() -> None:
    assert called({"a": [1], "b": [2]}) == [{"a": 1, "b": 2}]


def test_a_function_without_inputs_is_called_once() -> None:
    assert called({}) == [{}]


def test_a_function_is_called_per_item_and_the_last_value_of_shorter_inputs_repeats() -> None:
    assert called({"a": [1, 2, 3], "b": [4, 5], "c": [6]}) == [
        {"a": 1, "b": 4, "c": 6},
        {"a": 2, "b": 5, "c": 6},
        {"a": 3, "b": 5, "c": 6},
    ]


def test_a_function_that_takes_lists_gets_them_whole() -> None:
    assert called({"a": [1, 2], "b": []}, takes_lists=True) == [{"a": [1, 2], "b": []}]


def test_an_empty_list_is_named() -> None:
    with pytest.raises(ValueError, match="input b got an empty list"):
        called({"a": [1], "b": []})
