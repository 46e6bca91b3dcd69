from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.conditioning import Condition
from services.executor.diffusion.guidance import predictions
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.noise_mask import MaskedDenoiser, latent_mask
from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.schedules import sigmas_for
from tests.executor.diffusion.golden import MODEL_SAMPLINGS
from tests.executor.diffusion.toy import ToyModel, toy_model

META = torch.device("meta")
WAITS_FOR_ITS_ERROR = "dpm_adaptive"
NEVER_WAIT = [name for name in SAMPLERS if name != WAITS_FOR_ITS_ERROR and not name.endswith("_gpu")]  # meta draws none


class OnDevice:
    """The toy under two conditions, as samplers see it."""

    def __init__(self, model: ToyModel) -> None:
        self._model = model

    @property
    def model_sampling(self) -> ModelSampling:
        return self._model.levels

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.with_uncond(x, sigma)[0]

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        condition = Condition(torch.zeros(1, 1, 1, device=META))
        cond, uncond = predictions(self._model.run, x, sigma, [[condition], [condition]])
        return uncond + (cond - uncond) * 4.0, uncond


def run_on_meta(sampler: str, kind: str) -> list[int]:
    """Sample on a device whose values cannot be read, and return the steps that were reported."""
    model = toy_model(MODEL_SAMPLINGS[kind])
    latent = torch.zeros(1, 4, 8, 8, device=META)
    denoise = MaskedDenoiser(OnDevice(model), latent_mask(torch.ones(64, 64, device=META), latent), latent, latent)
    steps: list[int] = []
    SAMPLERS[sampler].function(
        denoise,
        latent,
        sigmas_for(model.levels, "karras", 6),
        SamplerNoise(1, latent.shape),
        lambda step, x, denoised: steps.append(step),
        **SAMPLERS[sampler].options,
    )
    return steps


@pytest.mark.parametrize("kind", ["sd15_eps", "discrete_flow_shift3"])
@pytest.mark.parametrize("sampler", NEVER_WAIT)
def test_no_step_reads_a_value_from_the_device(sampler: str, kind: str) -> None:
    steps = run_on_meta(sampler, kind)
    assert steps == list(range(len(steps)))
    assert steps


def test_reading_a_value_from_that_device_fails() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        run_on_meta(WAITS_FOR_ITS_ERROR, "sd15_eps")
