"""The gateway's metrics, and those of the queue and the devices that it reads when it is scraped."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from services.gateway.sockets.frames import Kind
from services.queue.records import Executor, Stats

#: Seconds; from a cached answer to an upload.
_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of this process."""

    def __init__(self, version: str) -> None:
        # A series per counter that says when it began doubles what is scraped and tells nobody anything.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        build = Gauge(
            "silverprint_build_info", "Always 1; the version is in the label.", ["version"], registry=self.registry
        )
        build.labels(version).set(1)
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
        self.overflows = Counter(
            "silverprint_gateway_websocket_overflows_total",
            "WebSockets closed because their reader was too slow for what must arrive.",
            registry=self.registry,
        )
        self.sockets = Gauge("silverprint_gateway_websockets", "WebSockets that are open.", registry=self.registry)

    def answered(self, route: str, method: str, code: int, seconds: float) -> None:
        """Count one HTTP request."""
        self._requests.labels(route, method, str(code)).inc()
        self._durations.labels(route).observe(seconds)

    def dropped(self, kind: Kind, count: int) -> None:
        """Count messages that a slow reader lost."""
        self._dropped.labels(kind.value).inc(count)


def exposition(metrics: Metrics, stats: Stats | None, executors: Sequence[Executor] | None) -> bytes:
    """The text format; without the queue's part when it could not be read."""
    registry = CollectorRegistry()
    up = Gauge("silverprint_gateway_queue_up", "1 if the queue service answered this scrape.", registry=registry)
    up.set(stats is not None)
    if stats is not None:
        _queue_depth(registry, stats)
    _devices(registry, executors or ())
    return generate_latest(metrics.registry) + generate_latest(registry)


def _queue_depth(registry: CollectorRegistry, stats: Stats) -> None:
    depth = Gauge("silverprint_queue_depth", "Prompts that wait or run, by state.", ["state"], registry=registry)
    depth.labels("pending").set(stats.pending)
    depth.labels("running").set(stats.running)


def _devices(registry: CollectorRegistry, executors: Sequence[Executor]) -> None:
    def gauge(name: str, help: str, *labels: str) -> Gauge:
        return Gauge(name, help, labels, registry=registry)

    total = gauge("silverprint_device_vram_total_bytes", "Memory of a device.", "executor", "device")
    free = gauge("silverprint_device_vram_free_bytes", "Memory of a device that is free.", "executor", "device")
    slots = gauge("silverprint_executor_slots", "Prompts that an executor runs at once.", "executor")
    idle = gauge("silverprint_executor_free_slots", "Places of an executor that are free.", "executor")
    for executor in executors:
        slots.labels(executor.executor_id).set(executor.slots)
        idle.labels(executor.executor_id).set(executor.free_slots)
        for device in executor.devices:
            total.labels(executor.executor_id, device.name).set(device.vram_total)
            free.labels(executor.executor_id, device.name).set(device.vram_free)
    _memory(registry, executors)


def _memory(registry: CollectorRegistry, executors: Sequence[Executor]) -> None:
    """What workers do with the memory of their devices; what they count begins anew when they do."""
    device = ("executor", "device")

    def gauge(name: str, help: str, *labels: str) -> Gauge:
        return Gauge(f"silverprint_executor_{name}", help, (*device, *labels), registry=registry)

    def counter(name: str, help: str, *labels: str) -> Counter:
        return Counter(f"silverprint_executor_{name}", help, (*device, *labels), registry=registry)

    budget = gauge("memory_budget_bytes", "What models and their work may take of a device's memory.")
    models = gauge("models_loaded", "Models on a device; on a CPU, models that were used.")
    weights = gauge("model_bytes", "Weights by place: on the device, on the host, or mapped from files.", "place")
    loads = counter("model_loads_total", "Times that weights were brought to a device.")
    seconds = counter("model_load_seconds_total", "Time that bringing weights to a device took.")
    evictions = counter("model_evictions_total", "Models that had to leave a device for others.")
    steps = counter("memory_steps_total", "What was done because memory ran out or would have.", "step")
    for executor in executors:
        for known in executor.devices:
            if (memory := known.memory) is None:
                continue
            labels = (executor.executor_id, known.name)
            budget.labels(*labels).set(memory.budget)
            models.labels(*labels).set(memory.models_loaded)
            weights.labels(*labels, "device").set(memory.device_bytes)
            weights.labels(*labels, "host").set(memory.host_bytes)
            weights.labels(*labels, "mapped").set(memory.mapped_bytes)
            loads.labels(*labels).inc(memory.loads)
            seconds.labels(*labels).inc(memory.load_seconds)
            evictions.labels(*labels).inc(memory.evictions)
            for step, count in memory.steps.items():
                steps.labels(*labels, step).inc(count)
