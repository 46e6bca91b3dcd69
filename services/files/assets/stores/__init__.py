"""Where what is known about assets is kept: in SQLite or PostgreSQL."""

from __future__ import annotations
