"""Keeps results between prompts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from services.executor.engine.results import NodeResult
from services.graph.signature import Signature


class ResultCache(Protocol):
    """Results by signature; used by one thread at a time.

    What a run still needs is held by the run: a cache may forget anything at any time.
    """

    def begin(self, referenced: Collection[Signature]) -> None:
        """A prompt with nodes of these signatures is about to run."""
        ...

    def get(self, signature: Signature) -> NodeResult | None:
        """The result, or None."""
        ...

    def put(self, signature: Signature, result: NodeResult) -> None:
        """Keep a result; called as soon as there is one, so that it outlives a prompt that fails."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...


class ClassicCache:
    """Keeps what the last prompt refers to, and nothing else."""

    def __init__(self) -> None:
        self._results: dict[Signature, NodeResult] = {}

    def begin(self, referenced: Collection[Signature]) -> None:
        wanted = frozenset(referenced)
        self._results = {key: result for key, result in self._results.items() if key in wanted}

    def get(self, signature: Signature) -> NodeResult | None:
        return self._results.get(signature)

    def put(self, signature: Signature, result: NodeResult) -> None:
        self._results[signature] = result

    def clear(self) -> None:
        self._results.clear()
