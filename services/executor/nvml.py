"""What NVIDIA's management library knows of a GPU beside its memory; nothing where it is not installed."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

import msgspec

log = logging.getLogger(__name__)


class Condition(msgspec.Struct, frozen=True):
    """How a device is; None for what it does not tell."""

    #: the share of the last moments in which it computed
    utilization: float | None = None
    #: degrees Celsius
    temperature: float | None = None
    #: watts
    power: float | None = None


UNKNOWN = Condition()


def condition_of(uuid: str) -> Condition:
    """How the GPU with this UUID is, "GPU-…" or without that."""
    nvml = _library()
    if nvml is None:
        return UNKNOWN
    try:
        handle = nvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
    except nvml.NVMLError as error:  # a slice of a GPU (MIG) has a UUID of its own
        _warn(f"NVML does not know {uuid}: {error}")
        return UNKNOWN

    def told(question: Any, *more: Any) -> Any:
        try:
            return question(handle, *more)
        except nvml.NVMLError:  # not every GPU tells everything
            return None

    rates = told(nvml.nvmlDeviceGetUtilizationRates)
    power = told(nvml.nvmlDeviceGetPowerUsage)
    return Condition(
        utilization=None if rates is None else rates.gpu / 100,
        temperature=told(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
        power=None if power is None else power / 1000,
    )


@lru_cache(maxsize=1)
def _library() -> Any:
    """The library, begun; None where there is none, or no driver."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        _warn(f"NVML cannot be used: {error}")
        return None
    return pynvml


@lru_cache(maxsize=8)
def _warn(message: str) -> None:
    log.warning("%s", message)
