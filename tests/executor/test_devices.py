"""The device of a worker after a failure."""

from __future__ import annotations

import pytest
import torch

from services.executor.devices import still_works


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
