"""Names of files in a database: which content each has, who owns it, which objects hold the contents."""

from __future__ import annotations
