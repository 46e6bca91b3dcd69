"""Models among the files: which there are, what they say of themselves, and how they come in."""

from __future__ import annotations
