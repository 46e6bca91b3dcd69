"""Networks on a device with little memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from services.executor.diffusion.models.layers import CastsAtUse, Linear
from services.executor.memory.placement import on_host, tensors_of
from services.executor.memory.planner import MemoryPlanner
from services.executor.patching.weights import with_parts
from tests.executor.memory.device import SmallDevice

WIDTH = 64
LAYER = (WIDTH * WIDTH + WIDTH) * 4  # bytes


def network(layers: int = 4) -> nn.Sequential:
    return nn.Sequential(*(Linear(WIDTH, WIDTH) for _ in range(layers))).requires_grad_(False)


def planner_with(layers: float, budget: float | None = None) -> MemoryPlanner:
    """A planner of a device that has room for so many layers."""
    size = int(layers * LAYER)
    return MemoryPlanner(SmallDevice(size), size if budget is None else int(budget * LAYER))


def streamed(network: nn.Module) -> int:
    return sum(isinstance(layer, CastsAtUse) and layer.stream is not None for layer in network.modules())


def test_what_was_used_last_stays_and_what_was_used_longest_ago_leaves() -> None:
    planner = planner_with(9)
    a, b, c = network(), network(), network()
    planner.use([a])
    planner.use([b])
    assert planner.loaded() == [a, b]
    planner.use([a])
    planner.use([c])
    assert planner.loaded() == [a, c]
    assert planner.placed([b]) == 0
    assert planner.counters.evictions == 1
    assert planner.memory.taken() == 8 * LAYER
    assert (planner.counters.loads, planner.counters.load_seconds > 0) == (3, True)


def test_a_network_that_is_there_is_not_brought_again() -> None:
    planner = planner_with(9)
    a = network()
    planner.use([a])
    assert isinstance(planner.memory, SmallDevice)
    before = planner.memory.copies
    assert planner.use([a], LAYER) == 5 * LAYER
    assert planner.memory.copies == before
    assert planner.counters.loads == 1


def test_leaving_the_device_lets_go_of_the_copy_and_nothing_else() -> None:
    planner = planner_with(9)
    a = network()
    before = {key: tensor.data_ptr() for key, tensor in tensors_of([a]).items()}
    planner.use([a])
    assert all(tensor.data_ptr() != before[key] for key, tensor in tensors_of([a]).items())
    assert all(on_host(tensor).data_ptr() == before[key] for key, tensor in tensors_of([a]).items())
    assert planner.unload() == 1
    assert {key: tensor.data_ptr() for key, tensor in tensors_of([a]).items()} == before
    assert planner.memory.taken() == 0
    assert planner.loaded() == []


def test_the_budget_counts_where_it_is_less_than_the_device() -> None:
    planner = planner_with(100, budget=6)
    a, b = network(), network()
    planner.use([a])
    planner.use([b])
    assert planner.loaded() == [b]


def test_room_for_work_counts_as_weights_do() -> None:
    planner = planner_with(9)
    a, b = network(), network()
    planner.use([a])
    assert planner.use([b], working=2 * LAYER) >= 2 * LAYER
    assert planner.loaded() == [b]


def test_others_leave_for_the_work_at_best_and_layers_for_no_more_than_the_least() -> None:
    planner = planner_with(9)
    a, b = network(), network()
    planner.use([b])
    assert planner.use([a], working=6 * LAYER, least=LAYER) == 5 * LAYER
    assert planner.loaded() == [a]
    assert streamed(a) == 0


def test_of_a_network_that_does_not_fit_as_many_layers_stay_as_do() -> None:
    planner = planner_with(8)
    a, x = network(10), torch.ones(1, WIDTH)
    expected = a(x)
    planner.use([a], working=LAYER)
    assert 0 < streamed(a) < 10
    assert planner.memory.taken() <= 7 * LAYER
    assert torch.equal(a(x), expected)
    assert planner.placed([a]) >= 4 * LAYER
    assert next(a.parameters()).data_ptr() != on_host(next(a.parameters())).data_ptr()


def test_layers_come_back_when_there_is_room_again() -> None:
    planner = planner_with(9)
    a = network(6)
    planner.use([a], working=6 * LAYER)
    assert streamed(a) > 0
    planner.use([a], working=LAYER)
    assert streamed(a) == 0
    assert planner.placed([a]) == 6 * LAYER


def test_what_cannot_be_streamed_is_always_brought() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network(6)
            self.scale = nn.Parameter(torch.full((WIDTH,), 2.0), requires_grad=False)
            self.register_buffer("shift", torch.ones(WIDTH))

    planner = planner_with(6)
    mixed = Mixed()
    planner.use([mixed])
    assert streamed(mixed) > 0
    for tensor in (mixed.scale, mixed.shift):
        assert isinstance(tensor, Tensor)
        assert on_host(tensor) is not tensor


def test_networks_that_share_weights_take_them_once() -> None:
    planner = planner_with(9)
    a = network()
    changed = with_parts(a, {"0.weight": torch.zeros(WIDTH, WIDTH)})
    planner.use([a])
    planner.use([changed])
    assert planner.memory.taken() == 4 * LAYER + WIDTH * WIDTH * 4
    assert planner.unload(keep=[changed]) == 1
    assert planner.memory.taken() == 4 * LAYER


def test_a_network_that_nobody_has_any_more_takes_nothing() -> None:
    planner = planner_with(9)
    a = network()
    planner.use([a])
    del a
    assert planner.memory.taken() == 0
    assert planner.loaded() == []


def test_what_is_held_does_not_leave_for_others() -> None:
    planner = planner_with(9)
    a, b, c = network(), network(), network(1)
    planner.use([a])
    planner.use([b])
    with planner.held([a]):
        planner.use([c], working=LAYER)
        assert planner.loaded() == [a, c]
        assert planner.unload(keep=[c]) == 0
    assert planner.unload() == 2


def test_a_network_can_be_made_to_take_less() -> None:
    planner = planner_with(20)
    a = network(10)
    planner.use([a])
    assert planner.shrink([a], 0.5)
    assert planner.placed([a]) <= 5 * LAYER
    assert planner.shrink([a], 0.0)
    assert planner.placed([a]) == WIDTH * WIDTH * 4
    assert not planner.shrink([a], 0.0)


@pytest.mark.parametrize("times", [1, 3])
def test_using_a_part_again_changes_nothing(times: int) -> None:
    planner = planner_with(8)
    a = network(10)
    for _ in range(times):
        planner.use([a], working=LAYER)
    assert planner.placed([a]) == 5 * LAYER
    assert streamed(a) == 5
