"""The device of a worker: what it tells, and what it is good for after a failure."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest
import torch

from services.executor import nvml
from services.executor.devices import describe, still_works


def test_the_cpu_works_whatever_happened() -> None:
    assert still_works(torch.device("cpu"))


def test_a_device_that_fails_every_call_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(device: torch.device) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    cuda = torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    assert not still_works(cuda)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    assert still_works(cuda)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_cuda_device_works() -> None:
    assert still_works(torch.device("cuda", torch.cuda.current_device()))


def test_without_a_gpu_the_host_says_how_busy_it_is() -> None:
    device = describe(torch.device("cpu"))
    assert device.utilization is not None
    assert 0 <= device.utilization <= 1
    assert (device.temperature, device.power) == (None, None)


class Nvml(types.ModuleType):
    """Stands in for the management library of a host with one GPU, which there is none of here."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        """As the library raises it."""

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid != "GPU-known":
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> types.SimpleNamespace:
        return types.SimpleNamespace(gpu=93, memory=10)

    def nvmlDeviceGetTemperature(self, handle: str, sensor: int) -> int:
        return 61

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        raise self.NVMLError("Not Supported")


@pytest.fixture
def _fresh_library() -> Iterator[None]:
    nvml._library.cache_clear()
    yield
    nvml._library.cache_clear()


@pytest.mark.usefixtures("_fresh_library")
def test_what_a_gpu_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Nvml("pynvml"))
    assert nvml.condition_of("known") == nvml.Condition(utilization=0.93, temperature=61, power=None)
    assert nvml.condition_of("GPU-known").utilization == 0.93
    assert nvml.condition_of("MIG-other") == nvml.UNKNOWN


@pytest.mark.usefixtures("_fresh_library")
@pytest.mark.parametrize("is_installed", [True, False])
def test_a_host_without_a_driver_tells_nothing(monkeypatch: pytest.MonkeyPatch, is_installed: bool) -> None:
    if not is_installed:
        monkeypatch.setitem(sys.modules, "pynvml", None)
    elif torch.cuda.is_available():
        pytest.skip("this host has a driver")
    assert nvml.condition_of("any") == nvml.UNKNOWN
