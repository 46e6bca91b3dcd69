"""Whether `docs/security.md` tells of every problem that is known from elsewhere, and of tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: As many as were collected.
ROWS = 29

#: Number, what went wrong, what is done, tests.
_ROW = re.compile(r"^\| S(\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_every_row_is_told_of_and_has_tests() -> None:
    rows = _ROW.findall((ROOT / "docs" / "security.md").read_text())
    assert [int(number) for number, *_ in rows] == list(range(1, ROWS + 1))
    missing = {
        (number, path)
        for number, *_, tests in rows
        for path in re.findall(r"`([^`]+)`", tests)
        if not (ROOT / path).is_file()
    }
    assert not missing
    assert all("`tests/" in tests for *_, tests in rows)


def test_every_test_with_a_number_is_told_of() -> None:
    told = (ROOT / "docs" / "security.md").read_text()
    numbered = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_s[0-9][0-9]_*.py")]
    assert numbered
    assert [path for path in numbered if path not in told] == []
