"""The official web UI, as installed by the extra `webui`, in a real browser."""

from __future__ import annotations
