"""The schema and the statements of the store."""

from __future__ import annotations

from pathlib import Path

from services.database.queries import read_queries

#: What messages call it.
NAME = "queue's database"

#: Under which its version is kept.
PART = "queue"

MIGRATIONS = Path(__file__).with_name("migrations")

#: Where replicas tell each other that they have committed something.
CHANNEL = "silverprint_queue"

SQL = read_queries(Path(__file__).with_name("queries.sql"))
