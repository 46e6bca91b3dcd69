"""The gateway's metrics, and those of the queue and the devices that it reads when it is scraped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence, Sized

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric

from services.gateway.sockets.follower import Follower
from services.gateway.sockets.frames import Kind
from services.monitoring.registry import new_registry
from services.queue.metrics.depth import depth_families
from services.queue.metrics.executors import executor_families
from services.queue.records import Depth, Executor

#: Seconds; from a cached answer to an upload.
_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of this process."""

    def __init__(self) -> None:
        self.registry = new_registry("gateway")
        self._queue_up = Gauge(
            "silverprint_gateway_queue_up", "1 while the queue tells what happens.", registry=self.registry
        )
        self._requests = Counter(
            "silverprint_gateway_http_requests_total",
            "HTTP requests answered, by route, method and status code.",
            ["route", "method", "code"],
            registry=self.registry,
        )
        self._durations = Histogram(
            "silverprint_gateway_http_request_duration_seconds",
            "Time from the arrival of an HTTP request to the end of its answer, by route.",
            ["route"],
            buckets=_DURATIONS,
            registry=self.registry,
        )
        self._dropped = Counter(
            "silverprint_gateway_websocket_messages_dropped_total",
            "Messages left out because their reader was too slow, by kind.",
            ["kind"],
            registry=self.registry,
        )
        for kind in Kind:  # told also while it has not happened
            self._dropped.labels(kind.value)
        self.overflows = Counter(
            "silverprint_gateway_websocket_overflows_total",
            "WebSockets closed because their reader was too slow for what must arrive.",
            registry=self.registry,
        )
        self._lag = Histogram(
            "silverprint_gateway_event_lag_seconds",
            "Time from what happened to a prompt until sockets are told of it, by the clocks of both hosts.",
            buckets=_DURATIONS,
            registry=self.registry,
        )
        self._sockets = Gauge("silverprint_gateway_websockets", "WebSockets that are open.", registry=self.registry)

    def watch(self, hub: Sized, follower: Follower) -> None:
        """Read from these how many sockets are open, and whether the queue is there."""
        self._sockets.set_function(lambda: len(hub))
        self._queue_up.set_function(lambda: follower.is_following)

    def answered(self, route: str, method: str, code: int, seconds: float) -> None:
        """Count one HTTP request."""
        self._requests.labels(route, method, str(code)).inc()
        self._durations.labels(route).observe(seconds)

    def told(self, happened_at: float) -> None:
        """Note how long ago something happened, in seconds since the epoch, of which sockets are told now."""
        self._lag.observe(max(0.0, time.time() - happened_at))

    def dropped(self, kind: Kind, count: int) -> None:
        """Count messages that a slow reader lost."""
        self._dropped.labels(kind.value).inc(count)


def exposition(metrics: Metrics, depths: Sequence[Depth] | None, executors: Sequence[Executor] | None) -> bytes:
    """The text format, with the queue and the devices as the queue tells of them; without those it did not tell of."""
    families = _Families(
        [
            *(depth_families(depths, time.time()) if depths is not None else ()),
            *(executor_families(executors) if executors is not None else ()),
        ]
    )
    return generate_latest(metrics.registry) + generate_latest(families)


class _Families(CollectorRegistry):
    """Families that are known already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
