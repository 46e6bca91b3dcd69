"""The file service: content-addressed blobs under browsable names."""

from __future__ import annotations
