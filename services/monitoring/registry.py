"""A service's registry of metrics, with what is known of every process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, PlatformCollector, ProcessCollector, disable_created_metrics

from services import __version__


def new_registry(service: str) -> CollectorRegistry:
    """A registry with `process_*`, `python_info` and `silverprint_build_info` of a service such as "queue"."""
    # A series per counter that says when it began doubles what is scraped and tells nobody anything.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    build = Gauge(
        "silverprint_build_info",
        "Always 1; the labels have the service and its version.",
        ["service", "version"],
        registry=registry,
    )
    build.labels(service, __version__).set(1)
    return registry
