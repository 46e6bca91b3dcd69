"""Budgets as operators write them."""

from __future__ import annotations

import pytest

from services.errors import InvalidArgument
from services.executor.memory.budget import LEAST_RESERVED, Budget

GIB = 1 << 30


@pytest.mark.parametrize(
    ("setting", "total", "expected"),
    [
        ("8GB", 24 * GIB, 8 * GIB),
        ("8 GiB", 24 * GIB, 8 * GIB),
        ("1.5g", 24 * GIB, 3 * GIB // 2),
        ("6500MB", 24 * GIB, 6500 << 20),
        ("1000000", 24 * GIB, 1000000),
        ("80%", 10 * GIB, 8 * GIB),
        ("100 %", GIB, GIB),
        ("32GB", 24 * GIB, 24 * GIB),
        ("", 100 * GIB, 95 * GIB),
        ("", 4 * GIB, 4 * GIB - LEAST_RESERVED),
        ("", LEAST_RESERVED // 2, 0),
    ],
)
def test_a_budget_is_a_size_or_a_share_or_all_but_a_reserve(setting: str, total: int, expected: int) -> None:
    assert Budget.parse(setting).of(total) == expected


@pytest.mark.parametrize("setting", ["much", "-1GB", "0", "0%", "101%", "8XB", "8GB 9", "nan", "80%GB"])
def test_what_is_no_budget_is_refused_by_the_name_of_the_flag(setting: str) -> None:
    with pytest.raises(InvalidArgument, match="vram-budget"):
        Budget.parse(setting)
