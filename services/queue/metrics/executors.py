"""The executors and their devices, as families of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from services.queue.records import Device, Executor, MemoryUse

_EXECUTOR = ("executor",)
_DEVICE = ("executor", "device")

#: What may be done when memory runs out, see `MemoryUse.steps`: told also while it has not happened.
_NO_STEPS = dict.fromkeys(("free_caches", "unload_models", "split_batch", "tile", "partial_load", "fail"), 0)


def executor_families(executors: Sequence[Executor]) -> Iterator[Metric]:
    """Which places and which device memory executors have.

    What workers count (loads, evictions, steps) begins anew when they do.
    """
    families = _Families()
    slots = [((executor.executor_id,), executor.slots) for executor in executors]
    free = [((executor.executor_id,), executor.free_slots) for executor in executors]
    families.gauge("executor_slots", "Prompts that an executor runs at once.", _EXECUTOR, slots)
    families.gauge("executor_free_slots", "Places of an executor that are free.", _EXECUTOR, free)
    devices = [((executor.executor_id, device.name), device) for executor in executors for device in executor.devices]
    _devices(families, devices)
    _memory(families, [(labels, device.memory) for labels, device in devices if device.memory is not None])
    return iter(families.all)


class _Families:
    def __init__(self) -> None:
        self.all: list[Metric] = []

    def gauge(
        self, name: str, help: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
    ) -> None:
        self._add(GaugeMetricFamily(f"silverprint_{name}", help, labels=labels), samples)

    def counter(
        self, name: str, help: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
    ) -> None:
        self._add(CounterMetricFamily(f"silverprint_{name}", help, labels=labels), samples)

    def _add(
        self, family: GaugeMetricFamily | CounterMetricFamily, samples: Iterable[tuple[Sequence[str], float]]
    ) -> None:
        for labels, value in samples:
            family.add_metric(labels, value)
        self.all.append(family)


def _devices(families: _Families, devices: Sequence[tuple[tuple[str, str], Device]]) -> None:
    def gauge(name: str, help: str, values: Iterable[float]) -> None:
        samples = [(labels, value) for (labels, _), value in zip(devices, values, strict=True)]
        families.gauge(f"device_{name}", help, _DEVICE, samples)

    gauge("vram_total_bytes", "Memory of a device.", (device.vram_total for _, device in devices))
    gauge("vram_free_bytes", "Memory of a device that is free.", (device.vram_free for _, device in devices))
    gauge(
        "torch_reserved_bytes",
        "Memory of a device that torch holds.",
        (device.torch_vram_total for _, device in devices),
    )
    gauge(
        "torch_allocated_bytes",
        "Memory of a device that torch has given to tensors.",
        (device.torch_vram_total - device.torch_vram_free for _, device in devices),
    )

    def told(name: str, help: str, values: Iterable[float | None]) -> None:
        pairs = zip(devices, values, strict=True)
        samples = [(labels, value) for (labels, _), value in pairs if value is not None]
        families.gauge(f"device_{name}", help, _DEVICE, samples)

    told(
        "utilization_ratio",
        "Share of the last moments in which a device computed.",
        (device.utilization for _, device in devices),
    )
    told("temperature_celsius", "Temperature of a device.", (device.temperature for _, device in devices))
    told("power_watts", "What a device draws.", (device.power for _, device in devices))


def _memory(families: _Families, known: Sequence[tuple[tuple[str, str], MemoryUse]]) -> None:
    def gauge(name: str, help: str, values: Iterable[float]) -> None:
        samples = [(labels, value) for (labels, _), value in zip(known, values, strict=True)]
        families.gauge(f"executor_{name}", help, _DEVICE, samples)

    def counter(name: str, help: str, values: Iterable[float]) -> None:
        samples = [(labels, value) for (labels, _), value in zip(known, values, strict=True)]
        families.counter(f"executor_{name}", help, _DEVICE, samples)

    gauge("memory_budget_bytes", "What models and their work may take of a device.", (use.budget for _, use in known))
    gauge(
        "models_loaded", "Models on a device; on a CPU, models that were used.", (use.models_loaded for _, use in known)
    )
    families.gauge(
        "executor_model_bytes",
        "Weights by place: on the device, on the host, or mapped from files.",
        (*_DEVICE, "place"),
        [((*labels, place), size) for labels, use in known for place, size in _places(use)],
    )
    counter("model_loads_total", "Times that weights were brought to a device.", (use.loads for _, use in known))
    counter(
        "model_load_seconds_total",
        "Time that bringing weights to a device took.",
        (use.load_seconds for _, use in known),
    )
    counter(
        "model_evictions_total",
        "Models that had to leave a device for others.",
        (use.evictions for _, use in known),
    )
    families.counter(
        "executor_memory_steps_total",
        "What was done because memory ran out or would have.",
        (*_DEVICE, "step"),
        [((*labels, step), use.steps.get(step, 0)) for labels, use in known for step in {**_NO_STEPS, **use.steps}],
    )


def _places(use: MemoryUse) -> Iterator[tuple[str, int]]:
    yield "device", use.device_bytes
    yield "host", use.host_bytes
    yield "mapped", use.mapped_bytes
