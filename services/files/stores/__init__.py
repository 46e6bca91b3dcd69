"""Where files are kept: one interface, a store per backend."""

from __future__ import annotations
