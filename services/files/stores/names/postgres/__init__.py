"""Names in PostgreSQL, for any number of file services."""

from __future__ import annotations

from services.files.stores.names.postgres.names import PostgresNames as PostgresNames
