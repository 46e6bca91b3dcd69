"""Nodes that search texts by regular expressions."""

from __future__ import annotations

import pytest

from services.executor.nodes.regular_expressions import RegexExtract, RegexMatch, RegexReplace

TEXT = "Width=12\nheight=34"


@pytest.mark.parametrize(
    ("pattern", "insensitive", "multiline", "dotall", "matches"),
    [
        ("width", True, False, False, True),
        ("width", False, False, False, False),
        ("^height", True, False, False, False),
        ("^height", True, True, False, True),
        ("12.height", True, False, False, False),
        ("12.height", True, False, True, True),
        ("(", True, False, False, False),
    ],
)
def test_a_pattern_matches_under_its_flags(
    pattern: str, insensitive: bool, multiline: bool, dotall: bool, matches: bool
) -> None:
    assert RegexMatch().execute(TEXT, pattern, insensitive, multiline, dotall) == (matches,)


@pytest.mark.parametrize(
    ("pattern", "mode", "group", "found"),
    [
        (r"\d+", "First Match", 1, "12"),
        (r"\d+", "All Matches", 1, "12\n34"),
        (r"(\w+)=(\d+)", "All Matches", 2, "Width\nheight"),
        (r"(\w+)=(\d+)", "First Group", 2, "12"),
        (r"(\w+)=(\d+)", "First Group", 0, "Width=12"),
        (r"(\w+)=(\d+)", "All Groups", 2, "12\n34"),
        (r"(\w+)=(\d+)", "All Groups", 3, ""),
        (r"\d+", "All Groups", 0, ""),
        (r"(x)?\d+", "First Group", 1, ""),
        (r"(x)?\d\d", "All Groups", 1, "\n"),
        (r"colour", "First Match", 1, ""),
        (r"(", "All Matches", 1, ""),
        (r"\d+", "Last Match", 1, ""),
    ],
)
def test_what_a_pattern_matches_is_taken_by_mode_and_group(pattern: str, mode: str, group: int, found: str) -> None:
    assert RegexExtract().execute(TEXT, pattern, mode, True, False, False, group) == (found,)


def test_a_replacement_may_refer_to_groups() -> None:
    assert RegexReplace().execute(TEXT, r"(\w+)=(\d+)", r"\2 is \1") == ("12 is Width\n34 is height",)


def test_only_as_many_matches_are_replaced_as_asked_for() -> None:
    assert RegexReplace().execute("aaaa", "A", "b", count=3) == ("bbba",)
    assert RegexReplace().execute("aA", "A", "b", case_insensitive=False) == ("ab",)


def test_a_pattern_or_replacement_that_is_not_valid_is_named() -> None:
    with pytest.raises(ValueError, match=r"regex_pattern: '\[' is not a regular expression"):
        RegexReplace().execute("a", "[", "b")
    with pytest.raises(ValueError, match=r"replace: .* does not fit the pattern"):
        RegexReplace().execute("a", "a", r"\1")


@pytest.mark.parametrize(
    ("string", "pattern", "replace"),
    [("a" * 10000, "", "b" * 10000), ("a" * 2**20, "(?s)(.*)", r"\1" * 65), ("a" * 2**20, "(?s).+", r"\g<0>" * 65)],
)
def test_a_replacement_that_would_grow_without_limit_names_the_input(string: str, pattern: str, replace: str) -> None:
    with pytest.raises(ValueError, match=r"^replace: the text would have "):
        RegexReplace().execute(string, pattern, replace)


@pytest.mark.parametrize("mode", ["All Matches", "All Groups"])
def test_groups_that_look_ahead_cannot_grow_without_limit(mode: str) -> None:
    with pytest.raises(ValueError, match=r"^string: the text would have "):
        RegexExtract().execute("a" * 2**20, "(?=(a*))", mode, True, False, False, 1)


def test_references_may_make_a_text_longer() -> None:
    assert RegexReplace().execute("a" * 2**10, "(?s)(.+)", r"\1" * 60) == ("a" * 60 * 2**10,)
    assert RegexReplace().execute("ab", "a(?=(b))", r"\1\1") == ("bbb",)
