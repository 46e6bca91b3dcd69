"""The versioned Comfy API, whose answers have shapes of their own."""

from __future__ import annotations
