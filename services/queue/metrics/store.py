"""How long the store of prompts takes, by operation."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prometheus_client import CollectorRegistry, Histogram

from services.queue.stores.base import QueueStore

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound=QueueStore)

#: Seconds; from a read of a cached page to a disk that hangs.
DURATIONS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

#: What is on the way of prompts, and what people wait for.
OPERATIONS = ("add", "claim", "apply", "receipt", "get", "list", "find", "events", "counts", "depths")


def measured(store: S, registry: CollectorRegistry) -> S:
    """The same store, whose operations are timed from now on."""
    durations = Histogram(
        "silverprint_queue_store_seconds",
        "Time that the store of prompts took, by operation; of changes, until they were on disk.",
        ["operation"],
        buckets=DURATIONS,
        registry=registry,
    )
    for operation in OPERATIONS:
        observe = durations.labels(operation).observe
        setattr(store, operation, _timed(getattr(store, operation), observe))
    return store


def _timed(ask: Callable[P, Awaitable[T]], observe: Callable[[float], Any]) -> Callable[P, Awaitable[T]]:
    @wraps(ask)
    async def timed(*args: P.args, **kwargs: P.kwargs) -> T:
        began = time.perf_counter()
        try:
            return await ask(*args, **kwargs)
        finally:
            observe(time.perf_counter() - began)

    return timed
