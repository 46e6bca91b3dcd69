"""The store on SQLite: one file, one writer, durable before it answers."""

from __future__ import annotations

from services.queue.stores.sqlite.store import SqliteStore as SqliteStore
