"""Models that share a device with little memory: what they compute stays the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from services.executor.memory import current
from services.executor.memory.counters import PARTIAL_LOAD, SPLIT_BATCH, TILE
from services.executor.memory.placement import on_host
from services.executor.memory.planner import MemoryPlanner
from services.executor.patching import vae
from services.executor.patching.autoencoding import Tiles
from services.executor.patching.batch_limit import BATCH_LIMIT, BatchLimit, bring
from tests.executor.memory.device import SmallDevice
from tests.executor.patching.conftest import Loaded

ROOMY = 1 << 30


@pytest.fixture
def small() -> Iterator[MemoryPlanner]:
    """A device with room for all models; tests make it smaller by its budget."""
    before = current.planner()
    planner = MemoryPlanner(SmallDevice(ROOMY), ROOMY)
    current.install(planner)
    yield planner
    planner.unload()
    current.install(before)


def test_models_are_brought_when_they_compute_and_results_stay_the_same(loaded: Loaded, small: MemoryPlanner) -> None:
    latent = loaded.sampled(loaded.model)
    picture = loaded.vae.decode(latent)
    models = [loaded.clip.cond_stage_model, loaded.model.model, loaded.vae.first_stage_model]
    assert small.loaded() == models
    assert small.memory.taken() == sum(small.placed([model]) for model in models) > 0
    assert loaded.model.loaded_size() == loaded.model.model_size()
    sigmas = loaded.model.model.model_sampling.sigmas
    assert on_host(sigmas) is sigmas
    small.unload()
    assert small.memory.taken() == loaded.model.loaded_size() == 0
    assert torch.equal(loaded.sampled(loaded.model), latent)
    assert torch.equal(loaded.vae.decode(latent), picture)


def test_a_model_that_does_not_fit_gives_the_same_latent(loaded: Loaded, small: MemoryPlanner) -> None:
    latent = loaded.sampled(loaded.model)
    small.unload()
    size = loaded.model.model_size()
    small.budget = size // 2 + loaded.model.memory_required([1, 4, 16, 16])
    assert torch.allclose(loaded.sampled(loaded.model), latent, rtol=0, atol=1e-4 * float(latent.abs().max()))
    assert 0 < loaded.model.loaded_size() < size
    assert small.memory.taken() <= small.budget


def test_changed_weights_count_as_others_do(loaded: Loaded, small: MemoryPlanner) -> None:
    model = loaded.model.clone()
    key = "diffusion_model.middle_block.0.in_layers.2.weight"
    weight = model.model_state_dict()[key]
    model.add_patches({key: (torch.ones_like(weight),)}, 0.1)
    model.load()
    whole = small.memory.taken()
    loaded.model.load()
    assert small.memory.taken() == whole + weight.nbytes
    assert model.model_state_dict()[key].data_ptr() == weight.data_ptr()


def test_conditions_run_one_by_one_where_both_would_not_fit(loaded: Loaded, small: MemoryPlanner) -> None:
    shape = (1, 4, 16, 16)
    one = loaded.model.memory_required(shape)
    assert bring(loaded.model, [], shape, 2) == BatchLimit()
    small.budget = loaded.model.model_size() + one * 3 // 2
    assert bring(loaded.model, [], shape, 2) == BatchLimit(1)
    assert small.counters.steps == {SPLIT_BATCH: 1}
    assert loaded.model.loaded_size() == loaded.model.model_size()


def test_a_step_that_runs_out_of_memory_goes_on_condition_by_condition(loaded: Loaded, small: MemoryPlanner) -> None:
    plain = loaded.sampled(loaded.model)
    sizes: list[int] = []
    model = loaded.model.clone()

    def no_pairs(apply_model, told):  # type: ignore[no-untyped-def]
        sizes.append(len(told["input"]))
        if len(told["input"]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return apply_model(told["input"], told["timestep"], **told["c"])

    model.set_model_unet_function_wrapper(no_pairs)
    torch.testing.assert_close(loaded.sampled(model), plain, rtol=0, atol=1e-4 * float(plain.abs().max()))
    assert small.counters.steps[SPLIT_BATCH] == 1
    # The pair is tried before and after each step that may help, and in later steps of the run not at all.
    assert sizes[-4:] == [1, 1, 1, 1]
    assert sizes.count(2) == len(sizes) - 4
    assert BATCH_LIMIT not in model.model_options


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vae, "DECODED_TILES", Tiles(8, 8, 2))
    monkeypatch.setattr(vae, "ENCODED_TILES", Tiles(64, 64, 16))


@pytest.fixture
def latent(loaded: Loaded) -> torch.Tensor:
    return loaded.vae.encode(torch.rand(1, 128, 160, 3, generator=torch.Generator().manual_seed(0)))


@pytest.mark.usefixtures("small_tiles")
def test_pictures_are_decoded_in_tiles_where_they_would_not_fit(
    loaded: Loaded, small: MemoryPlanner, latent: torch.Tensor
) -> None:
    own = loaded.vae
    own.patcher.load()
    small.budget = small.memory.taken() + own.memory_used_decode((1, 4, 8, 8), torch.float32)
    expected = own.decode_tiled(latent)
    assert not small.counters.steps
    assert torch.equal(own.decode(latent), expected)
    assert small.counters.steps == {TILE: 1}
    assert torch.equal(own.encode(expected), own.encode_tiled(expected))
    assert small.counters.steps == {TILE: 2}


@pytest.mark.usefixtures("small_tiles")
def test_pictures_are_decoded_in_tiles_when_memory_runs_out(
    loaded: Loaded, small: MemoryPlanner, latent: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = loaded.vae.first_stage_model
    expected = loaded.vae.decode_tiled(latent)
    decode = type(network).decode

    def only_tiles(self, latents):  # type: ignore[no-untyped-def]
        if latents.shape[-1] * latents.shape[-2] > 8 * 8:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return decode(self, latents)

    monkeypatch.setattr(type(network), "decode", only_tiles)
    assert torch.equal(loaded.vae.decode(latent), expected)
    assert small.counters.steps[TILE] == 1
    assert small.counters.steps[PARTIAL_LOAD] == 0
