"""Packs that move models: theirs and ours share one device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from services.executor.custom.modules import comfy_model_management as mm
from services.executor.memory import current
from services.executor.memory.planner import MemoryPlanner
from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.memory.device import SmallDevice

WEIGHT = 64 * 64 * 4  # bytes


@pytest.fixture(autouse=True)
def planner() -> Iterator[MemoryPlanner]:
    before = current.planner()
    planner = MemoryPlanner(SmallDevice(5 * WEIGHT), 5 * WEIGHT)
    current.install(planner)
    with torch.inference_mode():
        yield planner
    current.install(before)


def patcher() -> ModelPatcher:
    """As packs make them: of a network of their own, whose layers are torch's."""
    network = nn.Sequential(nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False)).requires_grad_(False)
    return ModelPatcher(network, load_device=torch.device("cpu"), offload_device=torch.device("cpu"))


def test_models_of_packs_are_brought_and_leave_for_others() -> None:
    a, b, c = patcher(), patcher(), patcher()
    mm.load_models_gpu([a, b], memory_required=WEIGHT)
    assert [loaded.model.model for loaded in mm.current_loaded_models] == [b.model, a.model]
    assert all(model.is_clone(known) for model, known in zip((b, a), mm.loaded_models(), strict=True))
    assert mm.get_free_memory() == WEIGHT
    mm.load_model_gpu(c)
    assert [loaded.model.model for loaded in mm.current_loaded_models] == [c.model, b.model]
    assert a.loaded_size() == 0
    assert c.loaded_size() == c.model_size() == 2 * WEIGHT


def test_room_can_be_made_without_losing_what_is_still_needed() -> None:
    a, b = patcher(), patcher()
    mm.load_models_gpu([a, b])
    first = mm.LoadedModel(a)
    assert mm.free_memory(3 * WEIGHT, torch.device("cpu"), keep_loaded=[first]) == [mm.LoadedModel(b)]
    assert mm.get_free_memory() == 3 * WEIGHT
    assert first.model_loaded_memory() == first.model_memory() == 2 * WEIGHT
    assert mm.free_memory(3 * WEIGHT, torch.device("cpu")) == []


def test_models_can_be_unloaded_one_by_one_or_all() -> None:
    a, b = patcher(), patcher()
    mm.load_models_gpu([a, b])
    assert mm.LoadedModel(a).model_unload()
    assert mm.loaded_models()[0].is_clone(b)
    assert len(mm.loaded_models()) == 1
    assert mm.unload_model_clones(b.clone())
    mm.load_model_gpu(a)
    mm.unload_all_models()
    assert mm.loaded_models() == []


def test_memory_that_the_budget_leaves_is_what_packs_may_take(planner: MemoryPlanner) -> None:
    planner.budget = 2 * WEIGHT
    assert mm.get_free_memory() == 2 * WEIGHT
    planner.budget = 0
    assert mm.get_free_memory(torch.device("cpu")) == 0
    free, of_torch = mm.get_free_memory(torch_free_too=True)
    assert free == 0 < of_torch
    assert mm.get_total_memory() > 5 * WEIGHT
