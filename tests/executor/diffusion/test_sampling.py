from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.sampling import part_of
from services.executor.patching.sampling import sample
from tests.executor.diffusion.golden import MODEL_SAMPLINGS
from tests.executor.diffusion.toy import CONDITION, NEGATIVE_CONDITION, ToyModel, conditioning, toy_model

EMPTY = torch.zeros(1, 4, 8, 8)


class Interrupted(Exception):
    """Stands for the engine's interrupt."""


def sampled(model: ToyModel | None = None, latent: Tensor = EMPTY, **options: Any) -> Tensor:
    settings: dict[str, Any] = {
        "seed": 1,
        "steps": 6,
        "cfg": 4.0,
        "sampler": "euler",
        "scheduler": "karras",
    }
    return sample(
        (model or toy_model(MODEL_SAMPLINGS["sd15_eps"])).patcher,
        conditioning(CONDITION),
        conditioning(NEGATIVE_CONDITION),
        latent,
        **{**settings, **options},
    )


def some_latent() -> Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))


def test_each_step_is_reported_with_the_total() -> None:
    steps: list[tuple[int, int]] = []
    sampled(report=lambda step, total, x, denoised: steps.append((step, total)))
    assert steps == [(step, 6) for step in range(6)]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_interrupt_ends_the_run_at_the_next_report(sampler: str) -> None:
    model = toy_model(MODEL_SAMPLINGS["sd15_eps"])
    calls_at_interrupt = []

    def interrupt(step: int, total: int, x: Tensor, denoised: Tensor) -> None:
        if step == 1:
            calls_at_interrupt.append(len(model.calls))
            raise Interrupted

    with pytest.raises(Interrupted):
        sampled(model, sampler=sampler, steps=12, report=interrupt)
    assert [len(model.calls)] == calls_at_interrupt
    assert len(model.calls) <= 4


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_few_steps_give_a_finite_latent(sampler: str) -> None:
    for scheduler in ("normal", "beta", "kl_optimal", "linear_quadratic"):
        for steps in (1, 2, 3):
            assert sampled(sampler=sampler, scheduler=scheduler, steps=steps).isfinite().all(), (scheduler, steps)


def test_a_seed_gives_one_latent_whatever_ran_before() -> None:
    first = sampled(sampler="dpmpp_sde")
    torch.rand(7)
    assert torch.equal(sampled(sampler="dpmpp_sde"), first)
    assert not torch.equal(sampled(sampler="dpmpp_sde", seed=2), first)


def test_after_the_initial_noise_nothing_is_drawn_from_the_global_generator() -> None:
    torch.manual_seed(1)
    torch.randn(EMPTY.shape)
    state = torch.get_rng_state()
    sampled(sampler="euler_ancestral")
    assert torch.equal(torch.get_rng_state(), state)


def test_without_denoise_the_latent_comes_back() -> None:
    latent = some_latent()
    assert torch.equal(sampled(latent=latent, denoise=0.0), latent)


def test_a_start_after_the_end_of_the_schedule_gives_the_latent_back() -> None:
    latent = some_latent()
    assert torch.equal(sampled(latent=latent, start_at_step=6), latent)


def test_an_end_before_the_first_step_gives_the_noisy_latent() -> None:
    model = toy_model(MODEL_SAMPLINGS["sd15_eps"])
    for sampler in ("euler", "dpm_fast", "uni_pc"):
        assert sampled(model, sampler=sampler, end_at_step=0).isfinite().all()
    assert not model.calls


def test_two_parts_of_a_schedule_make_the_whole() -> None:
    whole = sampled(steps=8)
    half = sampled(steps=8, start_at_step=0, end_at_step=4)
    rest = sampled(latent=half, steps=8, start_at_step=4, end_at_step=10000, disable_noise=True)
    torch.testing.assert_close(rest, whole)


def test_a_part_of_a_schedule_can_be_made_to_end_at_zero() -> None:
    sigmas = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    assert part_of(sigmas, 1, 3, True).tolist() == [4.0, 2.0, 0.0]
    assert part_of(sigmas, 1, 3, False).tolist() == [4.0, 2.0, 1.0]
    assert part_of(sigmas, None, None, True).tolist() == sigmas.tolist()
    assert sigmas.tolist() == [8.0, 4.0, 2.0, 1.0, 0.0]


def test_outside_the_mask_the_latent_stays() -> None:
    latent = some_latent()
    mask = torch.zeros(64, 64)
    mask[:, 32:] = 1.0
    result = sampled(latent=latent, noise_mask=mask, sampler="euler_ancestral")
    torch.testing.assert_close(result[..., :3], latent[..., :3], rtol=1e-4, atol=1e-4)
    assert (result[..., 5:] - latent[..., 5:]).abs().mean() > 0.1


def test_a_batch_has_a_mask_each() -> None:
    latent = some_latent().repeat(2, 1, 1, 1)
    masks = torch.stack([torch.zeros(64, 64), torch.ones(64, 64)])
    result = sampled(latent=latent, noise_mask=masks)
    torch.testing.assert_close(result[0], latent[0], rtol=1e-4, atol=1e-4)
    assert (result[1] - latent[1]).abs().mean() > 0.1


def test_items_keep_the_noise_of_their_place_in_the_batch() -> None:
    batch = sampled(latent=torch.zeros(3, 4, 8, 8))
    torch.testing.assert_close(sampled(batch_index=[2]), batch[2:])


def test_latents_are_scaled_for_the_model_and_back() -> None:
    latent = some_latent()
    plain = sampled(latent=latent, denoise=0.5)
    scaled = toy_model(MODEL_SAMPLINGS["sd15_eps"], latent_format=LatentFormat(scale_factor=0.5))
    torch.testing.assert_close(sampled(scaled, latent=latent * 2, denoise=0.5), plain * 2)


def test_an_empty_latent_takes_the_models_channels_and_another_is_refused() -> None:
    wide = toy_model(MODEL_SAMPLINGS["discrete_flow_shift3"], latent_format=LatentFormat(channels=16))
    assert sampled(wide).shape == (1, 16, 8, 8)
    with pytest.raises(ValueError, match="the latent has 4 channels and the model works in 16"):
        sampled(wide, latent=some_latent())


def test_an_unknown_sampler_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="unknown sampler 'eular'"):
        sampled(sampler="eular")
