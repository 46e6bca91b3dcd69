"""What a sampler is given and what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, Protocol

from torch import Tensor

from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.noise import SamplerNoise

Report = Callable[[int, Tensor, Tensor], None]
"""Called once a step with the step's index, the noisy latent and the denoised estimate; may raise to end the run."""


class Denoise(Protocol):
    """The guided model as a sampler sees it."""

    @property
    def model_sampling(self) -> ModelSampling:
        """The noise levels of the model."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the denoised estimate of x (batch, channels, ...) at noise level sigma (0-dim, CPU)."""

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the denoised estimate and the one without the positive conditioning, whatever the guidance scale."""


SamplerFunction = Callable[Concatenate[Denoise, Tensor, Tensor, SamplerNoise, Report, ...], Tensor]
"""Integrates a latent from the first of `sigmas` (steps + 1,) to the last: (denoise, x, sigmas, noise, report) -> x.

`sigmas` are float32 on the CPU, descending; all arithmetic on them stays there, so that no step waits for the device.
`x` is the latent at noise level sigmas[0]. Keyword arguments are the algorithm's own parameters.
"""


@dataclass(frozen=True)
class Sampler:
    """A sampler by name, with what the loop around it has to know."""

    function: SamplerFunction
    options: Mapping[str, Any] = field(default_factory=dict)
    discards_penultimate_sigma: bool = False  # evaluates below the last level and would do so too close to zero
    renews_mask_noise: bool = False  # what is outside a noise mask gets noise of its own
