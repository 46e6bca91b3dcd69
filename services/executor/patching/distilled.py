"""The noise levels of latent consistency models and what their networks predict (Luo et al. 2023, "Latent Consistency
Models: Synthesizing High-Resolution Images with Few-Step Inference")."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.diffusion.model_sampling import DistilledSampling
from services.executor.patching.model_sampling import EPS, ModelSamplingDiscrete, beside

DEVIATION = 0.5  # of the data, in the boundary condition
TIMESTEP_SCALE = 10.0


class ModelSamplingDiscreteDistilled(ModelSamplingDiscrete):
    """Fifty of a model's levels."""

    def __init__(self, model_config: Any = None, zsnr: bool | None = None) -> None:
        super().__init__(model_config, zsnr)
        self._use(DistilledSampling(self.sigmas, self.levels.prediction))


class LCM(EPS):
    """The network predicts the noise, of which less and less is believed towards time zero (equation 9)."""

    timestep: Any

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        """The clean latent."""
        clean = super().calculate_denoised(sigma, model_output, model_input)
        time = beside(self.timestep(sigma), model_output) * TIMESTEP_SCALE
        variance = time**2 + DEVIATION**2
        denoised: Tensor = clean * time / variance**0.5 + model_input * DEVIATION**2 / variance
        return denoised
