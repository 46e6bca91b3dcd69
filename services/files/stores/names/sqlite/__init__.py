"""Names in a SQLite file, for one file service."""

from __future__ import annotations

from services.files.stores.names.sqlite.names import SqliteNames as SqliteNames
