"""`comfy.k_diffusion.sampling` against our own samplers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.custom.modules import comfy_k_diffusion_sampling as k_diffusion
from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.schedules import karras
from services.executor.patching.model_sampling import as_nodes_know_it
from tests.executor.diffusion.golden import MODEL_SAMPLINGS

SIGMAS = karras(4, 0.03, 14.6)
LEVELS = MODEL_SAMPLINGS["sd15_eps"]


class Shrinking:
    """Takes noise for half of everything, as a guider that packs wrap."""

    model_sampling = as_nodes_know_it(LEVELS)

    def __call__(self, x: Tensor, sigma: Tensor, model_options: Any = None, seed: Any = None) -> Tensor:
        rows = sigma.reshape(-1, 1, 1, 1)
        denoised = x / (1 + rows**2) ** 0.5
        for function in (model_options or {}).get("sampler_post_cfg_function", ()):
            denoised = function({"denoised": denoised, "uncond_denoised": denoised * 0.5})
        return denoised


class Own:
    """The same as our samplers see it."""

    model_sampling = LEVELS

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x / (1 + sigma**2) ** 0.5

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), self(x, sigma) * 0.5


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_function_of_k_diffusion_is_our_sampler(name: str) -> None:
    x = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(1)) * SIGMAS[0]
    sampler = SAMPLERS[name]
    steps: list[int] = []
    own = sampler.function(Own(), x, SIGMAS, SamplerNoise(5), lambda *step: None, **sampler.options)
    function = getattr(k_diffusion, f"sample_{name}")
    found = function(Shrinking(), x, SIGMAS, extra_args={"seed": 5}, callback=lambda step: steps.append(step["i"]))
    torch.testing.assert_close(found, own)
    assert steps == sorted(steps)
    assert steps


def test_brownian_noise_is_that_of_our_samplers() -> None:
    x = torch.zeros(1, 4, 3, 3)
    between = SamplerNoise(7).brownian(x, SIGMAS)
    sampler = k_diffusion.BrownianTreeNoiseSampler(x, SIGMAS[-2], SIGMAS[0], seed=7, cpu=True)
    torch.testing.assert_close(sampler(SIGMAS[0], SIGMAS[1]), between(SIGMAS[0], SIGMAS[1]))
    other = k_diffusion.BrownianTreeNoiseSampler(x, SIGMAS[-2], SIGMAS[0], cpu=True)
    assert not torch.equal(other(SIGMAS[0], SIGMAS[1]), between(SIGMAS[0], SIGMAS[1]))


def test_noise_of_a_seed_comes_again() -> None:
    x = torch.zeros(1, 4, 3, 3)
    first, second = (k_diffusion.default_noise_sampler(x, seed=3) for _ in range(2))
    drawn = first(SIGMAS[0], SIGMAS[1])
    assert torch.equal(drawn, second(SIGMAS[0], SIGMAS[1]))
    assert not torch.equal(drawn, first(SIGMAS[1], SIGMAS[2]))


def test_ratios_of_signal_and_noise_are_there_and_back() -> None:
    for name in ("sd15_eps", "discrete_flow_shift3"):
        sampling = as_nodes_know_it(MODEL_SAMPLINGS[name])
        sigma = torch.tensor(0.4)
        ratio = k_diffusion.sigma_to_half_log_snr(sigma, sampling)
        torch.testing.assert_close(k_diffusion.half_log_snr_to_sigma(ratio, sampling), sigma)
    flow = as_nodes_know_it(MODEL_SAMPLINGS["discrete_flow_shift3"])
    assert k_diffusion.offset_first_sigma_for_snr(torch.tensor([1.0, 0.5, 0.0]), flow)[0] < 1
    assert float(k_diffusion.get_ancestral_step(2.0, 1.0, eta=0.0)[0]) == 1.0
