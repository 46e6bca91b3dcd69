"""Tests of loading node packs, and of what they import."""

from __future__ import annotations
