"""The schema and the statements of the store."""

from __future__ import annotations

from pathlib import Path

from services.database.queries import read_queries

#: What messages call it.
NAME = "queue's database"

MIGRATIONS = Path(__file__).with_name("migrations")

SQL = read_queries(Path(__file__).with_name("queries.sql"))
