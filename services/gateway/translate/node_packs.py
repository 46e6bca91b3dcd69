"""The node packs of all executors in `/health`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from services.queue.records import Executor


class FailedPack(TypedDict):
    """A pack that an executor could not load."""

    name: str
    executor: str
    error: str


class NodePacks(TypedDict):
    """The packs that are loaded somewhere, and those that could not be."""

    loaded: list[str]
    failed: list[FailedPack]


def node_packs(executors: Iterable[Executor]) -> NodePacks:
    """Which packs are loaded somewhere, and which could not be loaded, where and why."""
    found = [(executor.executor_id, pack) for executor in executors for pack in executor.packs.packs]
    failed = [
        FailedPack(name=pack.name, executor=executor_id, error=pack.error) for executor_id, pack in found if pack.error
    ]
    return {"loaded": sorted({pack.name for _, pack in found if not pack.error}), "failed": failed}
