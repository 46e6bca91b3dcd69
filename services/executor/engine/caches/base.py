"""Keeps results between prompts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from services.executor.engine.results import NodeResult
from services.graph.signature import Signature


class ResultCache(Protocol):
    """Results by signature; used by one thread at a time.

    What a run still needs is held by the run: a cache may forget anything at any time. `owner` is the node of the
    workflow that made a node while it ran, empty for nodes that are part of the workflow.
    """

    @property
    def keeps(self) -> bool:
        """Whether it keeps anything; if not, a run lets go of each result as soon as no node needs it any more."""
        ...

    def begin(self, referenced: Collection[Signature], node_ids: Collection[str]) -> None:
        """A prompt with these nodes, of these signatures, is about to run."""
        ...

    def get(self, signature: Signature, owner: str = "") -> NodeResult | None:
        """The result, or None."""
        ...

    def put(self, signature: Signature, result: NodeResult, owner: str = "") -> None:
        """Keep a result; called as soon as there is one, so that it outlives a prompt that fails."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...
