"""What is done when memory runs out."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from services.executor.memory.counters import (
    FAIL,
    FREE_CACHES,
    PARTIAL_LOAD,
    SPLIT_BATCH,
    TILE,
    UNLOAD_MODELS,
)
from services.executor.memory.planner import MemoryPlanner
from services.executor.memory.shortage import Shortage, is_out_of_memory
from tests.executor.memory.device import SmallDevice
from tests.executor.memory.test_planner import LAYER, network, planner_with


def taking(planner: MemoryPlanner, layers: float) -> Callable[[], Tensor]:
    """Work that takes as much of the device as so many layers do."""
    size = int(layers * LAYER)
    return lambda: planner.memory.copied(torch.zeros(size, dtype=torch.uint8))


def test_work_that_fits_takes_no_step() -> None:
    planner = planner_with(9)
    assert len(Shortage(planner).survived("work", taking(planner, 8))) == 8 * LAYER
    assert not planner.counters.steps


def test_caches_are_let_go_of_before_models_leave() -> None:
    planner = planner_with(9)
    other = network()
    planner.use([other])
    cached = [planner.memory.copied(torch.zeros(4 * LAYER, dtype=torch.uint8))]
    shortage = Shortage(planner)
    shortage.caches.append(cached.clear)
    shortage.survived("work", taking(planner, 5))
    assert planner.counters.steps == {FREE_CACHES: 1}
    assert planner.loaded() == [other]


def test_other_models_leave_before_the_work_is_done_in_parts() -> None:
    planner = planner_with(9)
    own, other = network(), network()
    planner.use([own, other])
    shortage = Shortage(planner)
    shortage.survived("work", taking(planner, 5), [own], taking(planner, 1), TILE)
    assert planner.counters.steps == {FREE_CACHES: 1, UNLOAD_MODELS: 1}
    assert planner.loaded() == [own]


def test_the_work_is_done_in_parts_before_its_own_model_leaves_in_part() -> None:
    planner = planner_with(9)
    own = network()
    planner.use([own])
    assert len(Shortage(planner).survived("work", taking(planner, 6), [own], taking(planner, 5), TILE)) == 5 * LAYER
    assert planner.counters.steps == {FREE_CACHES: 1, TILE: 1}
    assert planner.placed([own]) == 4 * LAYER


def test_in_the_end_the_model_leaves_in_part() -> None:
    planner = planner_with(9)
    own = network()
    planner.use([own])
    x = torch.ones(1, 64)
    expected = own(x)
    Shortage(planner).survived("work", taking(planner, 8), [own], taking(planner, 6), SPLIT_BATCH)
    assert planner.counters.steps == {FREE_CACHES: 1, SPLIT_BATCH: 1, PARTIAL_LOAD: 1}
    assert torch.equal(own(x), expected)


def test_what_does_not_fit_at_all_fails_and_says_what_was_tried(caplog: pytest.LogCaptureFixture) -> None:
    planner = planner_with(9)
    own, other = network(), network()
    planner.use([own, other])
    caplog.set_level(logging.WARNING)
    with pytest.raises(torch.OutOfMemoryError) as failed:
        Shortage(planner).survived("drawing", taking(planner, 90), [own], taking(planner, 80), SPLIT_BATCH)
    said = str(failed.value)
    assert said.startswith("not enough memory on cpu for drawing, although these steps were taken: ")
    assert "free_caches, unload_models, split_batch, partial_load; " in said
    assert f"tried to allocate {80 * LAYER}" in said
    assert planner.counters.steps == dict.fromkeys((FREE_CACHES, UNLOAD_MODELS, SPLIT_BATCH, PARTIAL_LOAD, FAIL), 1)
    steps = [record.getMessage() for record in caplog.records if "step=" in record.getMessage()]
    assert len(steps) == 5
    assert all("drawing" in step and "device=cpu" in step for step in steps)


def test_what_the_work_had_made_is_gone_before_it_is_done_anew() -> None:
    planner = planner_with(9)
    left: list[weakref.ref[Tensor]] = []

    def work() -> int:
        assert all(made() is None for made in left)
        mine = planner.memory.copied(torch.zeros(6 * LAYER, dtype=torch.uint8))
        left.append(weakref.ref(mine))
        taking(planner, 6 if len(left) == 1 else 1)()
        return len(left)

    assert Shortage(planner).survived("work", work) == 2


def test_other_errors_pass_at_once() -> None:
    planner = planner_with(9)

    def work() -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        Shortage(planner).survived("work", work)
    assert not planner.counters.steps


def test_memory_of_the_host_that_ran_out_is_told_as_such() -> None:
    planner = MemoryPlanner(SmallDevice(0), 0)

    def work() -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 12 bytes")

    with pytest.raises(MemoryError, match="although these steps were taken: free_caches; "):
        Shortage(planner).survived("work", work)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("device-side assert"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_that_say_that_memory_ran_out_are_known(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
