"""The node packs of all executors in `/health`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.queue.records import Executor


def node_packs(executors: Iterable[Executor]) -> dict[str, Any]:
    """Which packs are loaded somewhere, and which could not be loaded, where and why."""
    found = [(executor.executor_id, pack) for executor in executors for pack in executor.packs.packs]
    failed = [
        {"name": pack.name, "executor": executor_id, "error": pack.error} for executor_id, pack in found if pack.error
    ]
    return {"loaded": sorted({pack.name for _, pack in found if not pack.error}), "failed": failed}
