from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.brownian import BrownianPath
from services.executor.diffusion.drawn_ahead import DrawnAhead
from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.schedules import karras

TIMES = [8.0, 4.0, 2.0, 1.0]


def path() -> BrownianPath:
    return BrownianPath(1.0, 8.0, (2, 3), 5, torch.float32, torch.device("cpu"))


def test_increments_are_those_of_the_path_in_whatever_order() -> None:
    ahead = DrawnAhead(path().increment, TIMES)
    for start, end in [(8.0, 4.0), (4.0, 3.0), (4.0, 2.0), (2.0, 1.0), (8.0, 4.0), (1.5, 1.2)]:
        assert torch.equal(ahead(start, end), path().increment(start, end))


def test_the_following_increment_is_drawn_before_it_is_wanted() -> None:
    asked: list[tuple[float, float]] = []
    second = threading.Event()

    def increment(start: float, end: float) -> Tensor:
        asked.append((start, end))
        if start == 4.0:
            second.set()
        return torch.tensor(start - end)

    ahead = DrawnAhead(increment, TIMES)
    assert ahead(8.0, 4.0) == 4.0
    assert second.wait(10)
    assert ahead(4.0, 2.0) == 2.0
    assert asked[:2] == [(8.0, 4.0), (4.0, 2.0)]


def test_what_goes_wrong_there_is_told_where_it_is_asked_for() -> None:
    def increment(start: float, end: float) -> Tensor:
        raise ValueError("no noise")

    with pytest.raises(ValueError, match="no noise"):
        DrawnAhead(increment, TIMES)(8.0, 4.0)


@torch.inference_mode()
def test_its_thread_ends_with_it_whatever_was_asked_for() -> None:
    before = set(threading.enumerate())
    noise = SamplerNoise(1).brownian(torch.zeros(1, 4, 8, 8, device="meta"), karras(5, 0.1, 10.0))
    noise(torch.tensor(10.0), torch.tensor(9.0))
    (thread,) = set(threading.enumerate()) - before
    del noise
    thread.join(10)
    assert not thread.is_alive()
