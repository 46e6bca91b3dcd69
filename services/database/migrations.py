"""Numbered migrations: a folder of `0001_name.sql`, `0002_name.sql` and so on, each run once, in this order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from services.errors import InvalidArgument


def outstanding(folder: Path, version: int, database: str) -> Iterator[tuple[int, str]]:
    """The number and the script of every migration that a database with schema `version` still needs.

    Raises:
        InvalidArgument: a newer version of silverprint wrote the database.
    """
    migrations = sorted(folder.glob("*.sql"))
    if version > len(migrations):
        raise InvalidArgument(
            f"{database} has schema {version}, this version of silverprint knows up to {len(migrations)}"
        )
    for number, migration in enumerate(migrations[version:], start=version + 1):
        yield number, migration.read_text(encoding="utf-8")
