"""The digest index is a cache: it forgets rather than fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.files.stores.digest_index import DigestIndex, Version

VERSION = Version(3, 17)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[DigestIndex]:
    index = DigestIndex(tmp_path / "files.sqlite3")
    yield index
    index.close()


def test_only_the_same_version_has_the_digest(index: DigestIndex) -> None:
    index.put("output/a", VERSION, "d" * 64)
    assert index.get("output/a", VERSION) == "d" * 64
    for other in (Version(4, 17), Version(3, 18)):
        assert index.get("output/a", other) is None
    assert index.get("output/b", VERSION) is None


def test_a_path_has_one_digest_and_a_digest_many_paths(index: DigestIndex) -> None:
    index.put("output/a", VERSION, "d" * 64)
    index.put("output/a", VERSION, "e" * 64)
    index.put("output/b", VERSION, "e" * 64)
    assert index.paths("d" * 64) == []
    assert index.paths("e" * 64) == [("output/a", VERSION), ("output/b", VERSION)]
    index.forget("output/a")
    assert index.paths("e" * 64) == [("output/b", VERSION)]


def test_an_index_of_another_version_is_started_anew(tmp_path: Path) -> None:
    path = tmp_path / "files.sqlite3"
    database = sqlite3.connect(path)
    database.executescript("CREATE TABLE digests (something TEXT); PRAGMA user_version = 999;")
    database.close()
    index = DigestIndex(path)
    index.put("output/a", VERSION, "d" * 64)
    assert index.get("output/a", VERSION) == "d" * 64
    index.close()


def test_an_index_that_fails_knows_nothing_and_says_so_in_the_log(
    index: DigestIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    breaker = sqlite3.connect(tmp_path / "files.sqlite3")
    breaker.execute("DROP TABLE digests")
    breaker.close()
    index.put("output/a", VERSION, "d" * 64)
    assert index.get("output/a", VERSION) is None
    assert index.paths("d" * 64) == []
    assert "the digest index failed" in caplog.text


def test_an_index_that_cannot_be_opened_is_kept_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "files.sqlite3"
    path.mkdir()
    index = DigestIndex(path)
    index.put("output/a", VERSION, "d" * 64)
    assert index.get("output/a", VERSION) == "d" * 64
    assert "cannot be opened" in caplog.text
    index.close()
