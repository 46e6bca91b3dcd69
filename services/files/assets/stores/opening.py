"""Which database the settings ask for."""

from __future__ import annotations

from pathlib import Path

from services.files.assets.stores.base import AssetDatabase
from services.files.assets.stores.sqlite import SqliteAssets

#: Where assets are kept unless somebody says otherwise, in the data directory.
FILE = "assets.sqlite3"


def asset_database(where: str, data: Path) -> AssetDatabase:
    """The database at a URL of PostgreSQL or in a file; raises `InvalidArgument` for a URL that is none."""
    if "://" in where:
        from services.files.assets.stores.postgres import PostgresAssets  # its driver may not be installed

        return PostgresAssets(where)
    return SqliteAssets(Path(where) if where else data / FILE)
