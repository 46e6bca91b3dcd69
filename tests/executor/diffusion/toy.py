"""The closed-form model behind the recorded sampler results.

Its estimate of the clean latent is x * a / (1 + sigma**2) + c * tanh(x) + b * k, where k is the mean of the context.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.denoiser import denoised_by
from services.executor.diffusion.guidance import Batch
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.prediction import Flow, Prediction, VarianceExploding
from services.executor.patching import latent_formats
from services.executor.patching.conds import CONDCrossAttn
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.model_sampling import OwnSampling
from services.executor.patching.sigma_rows import level_of

A, B, C = 0.9, 0.5, 0.1
CONDITION, NEGATIVE_CONDITION = 0.30000001192092896, -0.20000000298023224


class _ToyEstimate:
    def model_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        return x * A / (1 + sigma**2) + C * torch.tanh(x) + B * output


class ToyDiffusion(_ToyEstimate, VarianceExploding):
    """The toy on noise levels of a diffusion."""


class ToyFlow(_ToyEstimate, Flow):
    """The toy on noise levels of a flow."""


class ToySampling(OwnSampling):
    """The levels of the toy, as a MODEL has them."""

    def __init__(self, levels: ModelSampling) -> None:
        self.levels = levels


class ToyModel(nn.Module):
    """A model whose network returns the mean of its context, everywhere; what a MODEL holds.

    Attributes:
        calls: what the network was called with.
    """

    def __init__(self, levels: ModelSampling, latent_format: LatentFormat) -> None:
        super().__init__()
        self.levels = levels
        self.model_sampling = ToySampling(levels)
        self.latent_format = latent_formats.as_nodes_know_it(latent_format)
        self.calls: list[dict[str, Any]] = []

    @property
    def patcher(self) -> ModelPatcher:
        """It, as nodes pass it on."""
        return ModelPatcher(self, torch.device("cpu"))

    def apply_model(self, x: Tensor, t: Tensor, c_crossattn: Tensor, **options: Any) -> Tensor:
        return self.denoised(x, level_of(t), c_crossattn)

    def run(self, batch: Batch) -> Tensor:
        """Run conditions as one."""
        return self.denoised(batch.x, batch.sigma, batch.context)

    def denoised(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        def network(scaled: Tensor, timestep: Tensor) -> Tensor:
            self.calls.append({"shape": tuple(x.shape), "timestep": timestep, "context": context})
            return context.mean(dim=(1, 2)).view(-1, 1, 1, 1).expand_as(x)

        return denoised_by(network, self.levels, x, sigma)

    def extra_conds(self, **options: Any) -> dict[str, Any]:
        return {"c_crossattn": CONDCrossAttn(options["cross_attn"])}

    def process_latent_in(self, latent: Tensor) -> Tensor:
        return self.latent_format.process_in(latent)

    def process_latent_out(self, latent: Tensor) -> Tensor:
        return self.latent_format.process_out(latent)


def toy_model(model_sampling: ModelSampling, latent_format: LatentFormat | None = None) -> ToyModel:
    """Return the toy on the noise levels of a model."""
    levels = copy.copy(model_sampling)
    levels.prediction = toy_prediction(model_sampling.prediction)
    return ToyModel(levels, latent_format or LatentFormat())


def toy_prediction(prediction: Prediction) -> Prediction:
    """Return the toy's prediction, on the same noise process."""
    return ToyFlow() if prediction.is_flow else ToyDiffusion()


def conditioning(value: float, tokens: int = 1, **options: Any) -> list[list[Any]]:
    """Return a conditioning whose mean is `value`."""
    return [[torch.full((1, tokens, 1), value), options]]
