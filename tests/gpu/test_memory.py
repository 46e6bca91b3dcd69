"""The planner on a real device: budgets are kept, and what is computed does not depend on them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from services.executor.devices import describe
from services.executor.diffusion.models.layers import CastsAtUse, Linear
from services.executor.memory.counters import FAIL, SPLIT_BATCH, TILE
from services.executor.memory.planner import MemoryPlanner
from tests.gpu.conftest import GIB, Gpu

CLOSE = 5e-2  # of the largest value: half precision, kernels may differ


def close(found: Tensor, expected: Tensor) -> None:
    assert expected.isfinite().all()
    assert float(expected.std()) > 0
    torch.testing.assert_close(found, expected, rtol=0, atol=CLOSE * float(expected.abs().max()))


def streamed(network: nn.Module) -> int:
    return sum(isinstance(layer, CastsAtUse) and layer.stream is not None for layer in network.modules())


def test_a_whole_model_is_on_the_device_and_nothing_of_it_is_left_behind(gpu: Gpu) -> None:
    gpu.sampled(gpu.first)
    model = gpu.model(gpu.first)
    assert model.loaded_size() >= model.model_size()
    assert {parameter.device.type for parameter in model.model.parameters()} == {"cuda"}
    taken, free = gpu.planner.memory.taken(), describe(gpu.planner.memory.device).vram_free
    gpu.planner.unload()
    assert gpu.planner.memory.taken() < taken - model.model_size()
    assert describe(gpu.planner.memory.device).vram_free > free + model.model_size() * 9 // 10
    assert {parameter.device.type for parameter in model.model.parameters()} == {"cpu"}


def test_the_budget_is_kept_by_weights_and_work(gpu: Gpu) -> None:
    gpu.sampled(gpu.first, steps=1)
    gpu.planner.unload()
    for gigabytes in (3.0, 2.0, 1.0):
        gpu.planner.budget = int(gigabytes * GIB)
        gpu.sampled(gpu.first, steps=1)  # what is over a smaller budget leaves
        gpu.measure()
        gpu.sampled(gpu.first, steps=2)
        assert gpu.peak() <= gpu.planner.budget, gigabytes


def test_a_part_of_a_model_gives_the_same_latent_as_the_whole(gpu: Gpu) -> None:
    expected = gpu.sampled(gpu.first)
    gpu.planner.unload()
    gpu.planner.budget = 5 * GIB // 4
    found = gpu.sampled(gpu.first)
    assert streamed(gpu.model(gpu.first).model) > 0
    close(found, expected)
    gpu.planner.budget = 8 * GIB
    close(gpu.sampled(gpu.first), expected)
    assert streamed(gpu.model(gpu.first).model) == 0


def test_layers_that_are_streamed_see_the_weights_that_they_have(gpu: Gpu) -> None:
    layers = [Linear(2048, 2048, bias=number % 2 == 0) for number in range(24)]
    chain = nn.Sequential(*layers).half().requires_grad_(False)
    x = torch.randn(8, 2048, device=gpu.planner.memory.device, dtype=torch.float16)
    gpu.planner.use([chain])
    expected = chain(x)
    gpu.planner.unload()
    planner = MemoryPlanner(gpu.planner.memory, gpu.planner.memory.taken() + 80 * (1 << 20))
    planner.use([chain])
    assert 10 < streamed(chain) < 24
    for _ in range(50):
        assert torch.equal(chain(x), expected)
    torch.cuda.synchronize()
    planner.unload()


def test_the_model_used_longest_ago_makes_room(gpu: Gpu) -> None:
    gpu.planner.budget = 3 * GIB
    gpu.sampled(gpu.first, steps=1)
    gpu.measure()
    gpu.sampled(gpu.second, steps=1)
    first, second = gpu.model(gpu.first), gpu.model(gpu.second)
    assert first.loaded_size() == 0
    assert second.loaded_size() >= second.model_size()
    assert gpu.planner.counters.evictions > 0
    assert gpu.peak() <= gpu.planner.budget


def test_weights_that_are_changed_are_counted_and_come_back(gpu: Gpu) -> None:
    plain = gpu.sampled(gpu.first, steps=1)
    model = gpu.model(gpu.first).clone()
    keys = [key for key in model.model_state_dict("diffusion_model.") if key.endswith("to_q.weight")]
    model.add_patches({key: (torch.full_like(model.model_state_dict()[key], 0.02),) for key in keys}, 1.0)
    changed = Gpu(gpu.planner, type(gpu.first)(model, gpu.first.clip, gpu.first.vae), gpu.second)
    expected = changed.sampled(changed.first, steps=1)
    assert not torch.allclose(expected, plain)
    gpu.planner.unload()
    gpu.planner.budget = 5 * GIB // 4
    close(changed.sampled(changed.first, steps=1), expected)


def test_conditions_run_one_by_one_where_both_would_not_fit(gpu: Gpu) -> None:
    model = gpu.model(gpu.first)
    expected = gpu.sampled(gpu.first, size=128, steps=2)
    gpu.planner.unload()
    one = model.memory_required([1, 4, 128, 128])
    gpu.planner.budget = gpu.planner.memory.taken() + model.model_size() + one * 3 // 2
    gpu.measure()
    found = gpu.sampled(gpu.first, size=128, steps=2)
    assert gpu.planner.counters.steps == {SPLIT_BATCH: 1}
    assert gpu.peak() <= gpu.planner.budget
    close(found, expected)


def test_a_picture_that_does_not_fit_is_decoded_in_tiles(gpu: Gpu) -> None:
    vae = gpu.first.vae
    assert vae
    latent = torch.randn(1, 4, 160, 128, generator=torch.Generator().manual_seed(0))
    expected = vae.decode_tiled(latent)
    gpu.planner.budget = 5 * GIB // 2
    gpu.measure()
    close(vae.decode(latent), expected)
    assert gpu.planner.counters.steps == {TILE: 1}
    assert gpu.peak() <= gpu.planner.budget


def test_the_estimate_of_a_decoded_picture_is_close_to_what_it_takes(gpu: Gpu) -> None:
    vae = gpu.first.vae
    assert vae
    latent = torch.randn(1, 4, 128, 128, generator=torch.Generator().manual_seed(0))
    vae.patcher.load()
    before = gpu.planner.memory.taken()
    gpu.measure()
    vae.decode(latent)
    estimate = vae.memory_used_decode(latent.shape, torch.float32)
    assert 0.5 * estimate < gpu.peak() - before <= 1.1 * estimate


def test_the_estimate_of_a_step_is_close_to_what_it_takes(gpu: Gpu) -> None:
    gpu.sampled(gpu.first, steps=1)
    before = gpu.planner.memory.taken()
    gpu.measure()
    gpu.sampled(gpu.first, size=128, steps=1)
    estimate = gpu.model(gpu.first).memory_required([2, 4, 128, 128])
    assert 0.4 * estimate < gpu.peak() - before <= 1.2 * estimate


def _leave(gigabytes: float) -> None:
    """Let torch have so much more than it has taken; what is beyond is refused as a full device refuses it."""
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + gigabytes * GIB) / total)


def test_memory_that_runs_out_is_met_by_tiles_before_the_prompt_fails(gpu: Gpu) -> None:
    vae = gpu.first.vae
    assert vae
    latent = torch.randn(1, 4, 160, 160, generator=torch.Generator().manual_seed(0))
    expected = vae.decode_tiled(latent)
    gpu.sampled(gpu.second, steps=1)
    vae.patcher.load()
    _leave(0.5)  # tiles need more than that too, until the other models have left
    close(vae.decode(latent), expected)
    assert gpu.planner.counters.steps[TILE] == 1
    assert gpu.model(gpu.second).loaded_size() == 0


def test_what_does_not_fit_in_any_way_fails_and_the_next_picture_is_fine(gpu: Gpu) -> None:
    vae = gpu.first.vae
    assert vae
    latent = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = vae.decode(latent)
    _leave(0.05)
    with pytest.raises(torch.OutOfMemoryError, match="decoding latents, although these steps were taken: free_caches"):
        vae.decode(latent)
    assert gpu.planner.counters.steps[FAIL] == 1
    torch.cuda.set_per_process_memory_fraction(1.0)
    close(vae.decode(latent), expected)
