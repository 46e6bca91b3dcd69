"""SQLite: one file that one process serves, one thread that writes, one that reads."""

from __future__ import annotations

from services.database.sqlite.file import connect as connect
from services.database.sqlite.file import lock as lock
from services.database.sqlite.file import migrate as migrate
from services.database.sqlite.file import open_database as open_database
from services.database.sqlite.reader import Reader as Reader
from services.database.sqlite.writer import Writer as Writer
