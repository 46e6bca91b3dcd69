"""Remembers nothing."""

from __future__ import annotations

from collections.abc import Collection

from services.executor.engine.results import NodeResult
from services.graph.signature import Signature


class NoCache:
    """Every prompt runs from the start, with no more results in memory than it needs."""

    keeps = False

    def begin(self, referenced: Collection[Signature], node_ids: Collection[str]) -> None:
        pass

    def get(self, signature: Signature, owner: str = "") -> NodeResult | None:
        return None

    def put(self, signature: Signature, result: NodeResult, owner: str = "") -> None:
        pass

    def clear(self) -> None:
        pass
