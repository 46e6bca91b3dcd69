"""What a gRPC server counts: calls by method and status, how long unary ones take, streams that are open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: Seconds; from an answer out of memory to a wait for the first catalogue.
DURATIONS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class CallMetrics:
    """Counts calls; methods are those of our protos, so the labels are few."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "silverprint_grpc_calls_total",
            "Calls that a gRPC server has ended, by service, method and status.",
            ["grpc_service", "grpc_method", "grpc_code"],
            registry=registry,
        )
        self._durations = Histogram(
            "silverprint_grpc_call_duration_seconds",
            "Time that a gRPC server took for calls with one answer.",
            ["grpc_service", "grpc_method"],
            buckets=DURATIONS,
            registry=registry,
        )
        self._streams = Gauge(
            "silverprint_grpc_streams",
            "Streams of a gRPC server that are open.",
            ["grpc_service", "grpc_method"],
            registry=registry,
        )
        # Finding the child of some labels costs more than counting with it.
        self._ended = cache(lambda method, code: self._calls.labels(*_names(method), code))
        self._took = cache(lambda method: self._durations.labels(*_names(method)))
        self._open = cache(lambda method: self._streams.labels(*_names(method)))

    def ended(self, method: str, code: grpc.StatusCode, seconds: float | None = None) -> None:
        """Count a call of `/package.Service/Method`, with the time it took if it has one answer."""
        self._ended(method, code.name).inc()
        if seconds is not None:
            self._took(method).observe(seconds)

    @contextmanager
    def streaming(self, method: str) -> Iterator[None]:
        """Count a stream as open while the block lasts."""
        with self._open(method).track_inprogress():
            yield


def _names(method: str) -> tuple[str, str]:
    _, service, name = method.split("/")
    return service.rpartition(".")[2], name
