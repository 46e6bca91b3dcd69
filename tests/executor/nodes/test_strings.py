"""Nodes that make and compare texts."""

from __future__ import annotations

import pytest

from services.executor.nodes.strings import (
    LONGEST_TEXT,
    CaseConverter,
    StringCompare,
    StringConcatenate,
    StringContains,
    StringLength,
    StringReplace,
    StringSubstring,
    StringTrim,
)


def test_texts_are_joined_by_the_delimiter() -> None:
    assert StringConcatenate().execute("a", "b", ", ") == ("a, b",)


@pytest.mark.parametrize(("start", "end", "part"), [(1, 3, "bc"), (-2, 9, "de"), (0, -1, "abcd"), (3, 1, "")])
def test_a_part_runs_from_the_start_up_to_the_end(start: int, end: int, part: str) -> None:
    assert StringSubstring().execute("abcde", start, end) == (part,)


def test_the_length_counts_characters_and_not_bytes() -> None:
    assert StringLength().execute("née\n") == (4,)


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("UPPERCASE", "OH NO. YES"),
        ("lowercase", "oh no. yes"),
        ("Capitalize", "Oh no. yes"),
        ("Title Case", "Oh No. Yes"),
        ("other", "oh No. YES"),
    ],
)
def test_each_case_is_its_own(mode: str, text: str) -> None:
    assert CaseConverter().execute("oh No. YES", mode) == (text,)


@pytest.mark.parametrize(("mode", "text"), [("Both", "x"), ("Left", "x \n"), ("Right", "\t x")])
def test_blanks_are_cut_off_where_asked_for(mode: str, text: str) -> None:
    assert StringTrim().execute("\t x \n", mode) == (text,)


def test_every_occurrence_is_replaced() -> None:
    assert StringReplace().execute("one one", "one", "two") == ("two two",)
    assert StringReplace().execute("ab", "", "-") == ("-a-b-",)


def test_a_text_that_would_grow_without_limit_names_the_input() -> None:
    long = "x" * (LONGEST_TEXT // 4)
    with pytest.raises(ValueError, match=r"^replace: the text would have "):
        StringReplace().execute(long, "x", "abcdefgh")
    with pytest.raises(ValueError, match=r"^string_b: the text would have "):
        StringConcatenate().execute(long + long, long + long, "!")


@pytest.mark.parametrize(
    ("part", "sensitive", "contained"),
    [("Cat", True, True), ("cat", True, False), ("cAT", False, True), ("", True, True)],
)
def test_what_a_text_contains_may_depend_on_capitals(part: str, sensitive: bool, contained: bool) -> None:
    assert StringContains().execute("a Cat", part, sensitive) == (contained,)


@pytest.mark.parametrize(
    ("other", "mode", "sensitive", "alike"),
    [
        ("He", "Starts With", True, True),
        ("he", "Starts With", True, False),
        ("LO", "Ends With", False, True),
        ("Hello", "Equal", True, True),
        ("Hell", "Equal", False, False),
    ],
)
def test_texts_are_compared_as_asked_for(other: str, mode: str, sensitive: bool, alike: bool) -> None:
    assert StringCompare().execute("Hello", other, mode, sensitive) == (alike,)


def test_an_unknown_comparison_is_named() -> None:
    with pytest.raises(ValueError, match="mode: 'Sounds Like'"):
        StringCompare().execute("a", "b", "Sounds Like", True)
