"""Assets: what users know about contents, beside the names that these have."""

from __future__ import annotations
