"""Samplers that do something else beside taking steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.model_sampling import stable_diffusion_sampling
from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.lcm import sample_lcm
from services.executor.diffusion.samplers.sa_solver import sample_sa_solver
from services.executor.nodes.advanced_samplers import SamplerEulerCFGpp, SamplerLCMUpscale, sample_lcm_upscale
from services.executor.nodes.custom_sampling import SamplerCustom
from services.executor.nodes.samplers import SamplerSASolver
from services.executor.nodes.sigma_schedules import KarrasScheduler
from services.executor.patching.k_samplers import sampler_object
from tests.executor.nodes.conftest import Surroundings
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

SIGMAS = torch.tensor([14.6, 7.0, 3.0, 1.0, 0.0])


class Halving:
    """Takes half of a latent for the clean one."""

    model_sampling = stable_diffusion_sampling()

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x / 2

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return x / 2, x / 2


def widths(**how: Any) -> list[int]:
    """Those of the latents that were denoised, and of the result."""
    seen: list[int] = []
    x = torch.ones(1, 4, 8, 10)
    result = sample_lcm_upscale(
        Halving(), x, SIGMAS, SamplerNoise(1), lambda step, x, _: seen.append(x.shape[-1]), **how
    )
    return [*seen, result.shape[-1]]


def test_a_latent_grows_by_as_much_in_each_of_the_first_steps() -> None:
    assert widths(scale_ratio=2.0) == [10, 15, 20, 20, 20]
    assert widths(scale_ratio=2.0, scale_steps=1) == [10, 20, 20, 20, 20]
    assert widths(scale_ratio=3.0, scale_steps=4) == [10, 15, 20, 25, 30]
    assert widths(scale_ratio=0.5, scale_steps=0) == [10] * 5


def test_a_latent_that_does_not_grow_is_sampled_as_ever() -> None:
    x = torch.randn(1, 4, 8, 8)
    found, expected = (
        function(Halving(), x, SIGMAS, SamplerNoise(1), lambda *_: None)
        for function in (sample_lcm_upscale, sample_lcm)
    )
    torch.testing.assert_close(found, expected)


def test_a_model_samples_a_latent_that_grows(surroundings: Surroundings, loaded: Loaded) -> None:
    (sampler,) = SamplerLCMUpscale().execute(2.0, -1, "bislerp")
    sides = loaded.conditioning("a red cat"), loaded.conditioning("")
    (sigmas,) = KarrasScheduler().get_sigmas(3, 14.6, 0.03, 7.0)
    latent = {"samples": torch.zeros(1, 4, 8, 8)}
    result, _ = SamplerCustom().sample(loaded.model, True, 5, 1.5, *sides, sampler, sigmas, latent)
    assert result["samples"].shape == (1, 4, 16, 16)
    assert bool(result["samples"].isfinite().all())


def test_a_version_of_cfg_pp_is_chosen_by_name() -> None:
    assert SamplerEulerCFGpp().execute("regular") == (sampler_object("euler_cfg_pp"),)
    for version in ("alternative", "best"):
        with pytest.raises(ValueError, match=f"^version: .*{version}"):
            SamplerEulerCFGpp().execute(version)


def test_an_unknown_way_to_enlarge_is_refused_before_sampling() -> None:
    with pytest.raises(ValueError, match="^upscale_method: 'lanczos'"):
        SamplerLCMUpscale().execute(2.0, -1, "lanczos")


def test_the_adams_solver_adds_noise_between_the_levels_of_the_model(loaded: Loaded) -> None:
    parameters = {"eta": 0.5, "s_noise": 1.0, "predictor_order": 3, "corrector_order": 4}
    flags = {"use_pece": False, "simple_order_2": False}
    (sampler,) = SamplerSASolver().get_sampler(loaded.model, 0.2, 0.8, **parameters, **flags)
    levels = loaded.model.model_sampling
    between = levels.percent_to_sigma(0.2), levels.percent_to_sigma(0.8)
    assert sampler.extra_options == {**parameters, **flags, "sde_between": between}
    with pytest.raises(ValueError, match="^model: "):
        SamplerSASolver().get_sampler(None, 0.2, 0.8, **parameters, **flags)


@pytest.mark.parametrize("between", [(3.0, 1.0), (100.0, 50.0)])
def test_noise_is_added_only_there(between: tuple[float, float]) -> None:
    drawn: list[Tensor] = []

    class Counting(SamplerNoise):
        def normal(self, like: Tensor) -> Tensor:
            drawn.append(like)
            return super().normal(like)

    sample_sa_solver(Halving(), torch.ones(1, 4, 4, 4), SIGMAS, Counting(1), lambda *_: None, sde_between=between)
    assert len(drawn) == sum(between[0] >= end >= between[1] for _, end in pairwise(SIGMAS.tolist()) if end > 0)
