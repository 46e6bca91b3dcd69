"""What every service that keeps something in SQL shares: SQLite files, connections to PostgreSQL, migrations."""

from __future__ import annotations
