"""Counters in names."""

from __future__ import annotations

import pytest

from services.files.records import FileKind, FileName
from services.files.stores.placing import MAX_COUNTERS, Counters, highest_number


@pytest.mark.parametrize(
    ("filenames", "highest"),
    [
        ([], 0),
        (["p_00001_.png"], 1),
        (["p_00001_.png", "p_00003_.png", "p_00002_.webp"], 3),
        (["p_7_anything at all"], 7),
        (["p_00007_"], 7),
        (["p_123456_.png"], 123_456),
        (["p_00009.png", "p_00009", "p__00009_.png", "p_-9_.png", "P_00009_.png", "xp_00009_.png"], 0),
        (["p_x_00009_.png", "p_00009 _.png", "p_٩_.png"], 0),
        (["p_20261121194131000_.png"], 0),
    ],
)
def test_the_highest_number_in_use(filenames: list[str], highest: int) -> None:
    assert highest_number("p", filenames) == highest


def test_a_prefix_is_taken_literally() -> None:
    assert highest_number("a.*", ["abc_00009_.png", "a.*_00002_.png"]) == 2


def test_a_folder_is_listed_once_per_prefix() -> None:
    listings = []

    def list_folder() -> list[str]:
        listings.append(1)
        return ["p_00004_.png"]

    counters = Counters()
    prefix = FileName(FileKind.OUTPUT, "", "p")
    assert [counters.take(prefix, list_folder) for _ in range(100)] == list(range(5, 105))
    assert len(listings) == 1


def test_counters_that_were_forgotten_are_found_again() -> None:
    counters = Counters()
    first = FileName(FileKind.OUTPUT, "", "first")
    assert counters.take(first, lambda: ["first_00004_"]) == 5
    for number in range(MAX_COUNTERS):
        counters.take(FileName(FileKind.OUTPUT, "", f"other {number}"), list)
    assert counters.take(first, lambda: ["first_00005_"]) == 6
