"""The official web UI: files of packages that are programs of their own, found and served, never imported."""

from __future__ import annotations
