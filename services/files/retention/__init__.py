"""How long files are kept, and how many a user may have."""

from __future__ import annotations
