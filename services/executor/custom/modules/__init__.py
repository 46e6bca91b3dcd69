"""The modules that node packs import, one file each; `services.executor.custom.offered` makes them importable."""

from __future__ import annotations
