"""VIDEO values: what they are, and between them and files."""

from __future__ import annotations
