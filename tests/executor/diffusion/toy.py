"""The closed-form model behind the recorded sampler results.

Its estimate of the clean latent is x * a / (1 + sigma**2) + c * tanh(x) + b * k, where k is the mean of the context.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.prediction import Flow, Prediction, VarianceExploding

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


@dataclass
class ToyModel:
    """A model whose network returns the mean of its context, everywhere."""

    model_sampling: ModelSampling
    latent_format: LatentFormat = field(default_factory=LatentFormat)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    calls: list[dict[str, Any]] = field(default_factory=list)
    before_call: Callable[[], None] = lambda: None

    def vector(self, options: dict[str, Any], height: int, width: int) -> Tensor | None:
        return None

    def apply_model(self, x: Tensor, timestep: Tensor, context: Tensor, *, y: Tensor | None = None) -> Tensor:
        self.before_call()
        self.calls.append({"shape": tuple(x.shape), "timestep": timestep, "context": context})
        return context.mean(dim=(1, 2)).view(-1, 1, 1, 1).expand_as(x)


def toy_model(model_sampling: ModelSampling, **options: Any) -> ToyModel:
    """Return the toy on the noise levels of a model."""
    levels = copy.copy(model_sampling)
    levels.prediction = toy_prediction(model_sampling.prediction)
    return ToyModel(levels, **options)


def toy_prediction(prediction: Prediction) -> Prediction:
    """Return the toy's prediction, on the same noise process."""
    return ToyFlow() if prediction.is_flow else ToyDiffusion()


def conditioning(value: float, tokens: int = 1, **options: Any) -> list[list[Any]]:
    """Return a conditioning whose mean is `value`."""
    return [[torch.full((1, tokens, 1), value), options]]
