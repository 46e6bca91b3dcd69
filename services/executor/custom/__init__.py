"""Node packs of third parties."""

from __future__ import annotations
