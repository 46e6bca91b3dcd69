"""The noise levels of a model: its sigma table, and how sigma, timestep and sampling progress relate.

Tables are computed in float64 and kept in float32 on the CPU.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TypeVar

import torch
from torch import Tensor

from services.executor.diffusion.prediction import Epsilon, Flow, Prediction

TIMESTEPS = 1000
BETA_START = 0.00085
BETA_END = 0.012
SMALLEST_ALPHA = 4.8973451890853435e-08  # stands for a terminal signal-to-noise ratio of zero, whose sigma is infinite
BEFORE_EVERY_SIGMA = 999999999.9
FLUX_TIMESTEPS = 10000

Number = TypeVar("Number", float, Tensor)


class ModelSampling(ABC):
    """The noise levels a model was trained on, with the parameterisation of its network.

    Attributes:
        sigmas: (levels,) float32, ascending, on the CPU.
        prediction: how network outputs become denoised latents.
    """

    def __init__(self, sigmas: Tensor, prediction: Prediction) -> None:
        self.sigmas = sigmas.float()
        self.prediction = prediction

    @property
    def sigma_min(self) -> Tensor:
        """The lowest level of the table, 0-dim."""
        return self.sigmas[0]

    @property
    def sigma_max(self) -> Tensor:
        """The highest level of the table, 0-dim."""
        return self.sigmas[-1]

    @abstractmethod
    def timestep(self, sigma: Tensor) -> Tensor:
        """Return what the network is given as its time at noise level sigma."""

    @abstractmethod
    def sigma(self, timestep: Tensor) -> Tensor:
        """Return the noise level of a timestep, interpolated between the table's entries."""

    @abstractmethod
    def percent_to_sigma(self, percent: float) -> float:
        """Return the noise level at a share of sampling, from 0 (all noise) to 1 (no noise)."""


class DiscreteSampling(ModelSampling):
    """A table of levels indexed by timestep, as Stable Diffusion has it."""

    def __init__(self, sigmas: Tensor, prediction: Prediction) -> None:
        super().__init__(sigmas, prediction)
        self.log_sigmas = sigmas.log().float()

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the index of the nearest level in log sigma."""
        distances = sigma.log() - self.log_sigmas.view(-1, *([1] * sigma.dim()))
        return distances.abs().argmin(dim=0)

    def sigma(self, timestep: Tensor) -> Tensor:
        """Interpolate log sigma between the neighbouring levels."""
        position = timestep.float().clamp(0, len(self.sigmas) - 1)
        low, high, weight = position.floor().long(), position.ceil().long(), position.frac()
        return ((1 - weight) * self.log_sigmas[low] + weight * self.log_sigmas[high]).exp()

    def percent_to_sigma(self, percent: float) -> float:
        """Return the level of the timestep that many steps below the last."""
        if percent <= 0.0:
            return BEFORE_EVERY_SIGMA
        if percent >= 1.0:
            return 0.0
        return self.sigma(torch.tensor((1.0 - percent) * (TIMESTEPS - 1))).item()


class DistilledSampling(DiscreteSampling):
    """Every n-th level of a table, for a model that was distilled to these `stages` (Luo et al. 2023, "Latent
    Consistency Models", 4.3); timesteps go on being those of the whole table.
    """

    def __init__(self, sigmas: Tensor, prediction: Prediction, stages: int = 50) -> None:
        self._stride = len(sigmas) // stages
        super().__init__(sigmas[self._stride - 1 :: self._stride], prediction)

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the timestep of the nearest level in log sigma."""
        return super().timestep(sigma) * self._stride + self._stride - 1

    def sigma(self, timestep: Tensor) -> Tensor:
        """Interpolate log sigma between the neighbouring levels."""
        return super().sigma((timestep.float() - (self._stride - 1)) / self._stride)


class LogarithmicSampling(ModelSampling):
    """Continuous levels, evenly spaced in log sigma; the network sees log(sigma) / 4 (Karras et al. 2022, table 1)."""

    def __init__(self, sigma_min: float, sigma_max: float, prediction: Prediction) -> None:
        self._log_range = math.log(sigma_min), math.log(sigma_max)
        super().__init__(torch.linspace(*self._log_range, TIMESTEPS).exp(), prediction)

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return c_noise(sigma)."""
        return 0.25 * sigma.log()

    def sigma(self, timestep: Tensor) -> Tensor:
        """Invert c_noise."""
        return (timestep / 0.25).exp()

    def percent_to_sigma(self, percent: float) -> float:
        """Interpolate log sigma."""
        if percent <= 0.0:
            return BEFORE_EVERY_SIGMA
        if percent >= 1.0:
            return 0.0
        low, high = self._log_range
        return math.exp((high - low) * (1.0 - percent) + low)


class FlowSampling(ModelSampling):
    """The levels of a rectified flow, moved towards more noise by a shift (Esser et al. 2024, 5.3.2)."""

    def __init__(self, shift: float, multiplier: float = 1000.0, prediction: Prediction | None = None) -> None:
        self.shift = shift
        self.multiplier = multiplier
        times = torch.arange(1, TIMESTEPS + 1, 1) / TIMESTEPS * multiplier
        super().__init__(self.sigma(times), prediction or Flow())

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return sigma in the network's unit of time."""
        return sigma * self.multiplier

    def sigma(self, timestep: Tensor) -> Tensor:
        """Shift the time."""
        return shifted_time(self.shift, timestep / self.multiplier)

    def percent_to_sigma(self, percent: float) -> float:
        """Shift the share that remains."""
        if percent <= 0.0:
            return 1.0
        if percent >= 1.0:
            return 0.0
        return shifted_time(self.shift, 1.0 - percent)


class FluxSampling(ModelSampling):
    """The levels of a rectified flow with an exponential shift, whose network sees sigma itself."""

    def __init__(self, shift: float, prediction: Prediction | None = None) -> None:
        self.shift = shift
        super().__init__(self.sigma(torch.arange(1, FLUX_TIMESTEPS + 1, 1) / FLUX_TIMESTEPS), prediction or Flow())

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return sigma."""
        return sigma

    def sigma(self, timestep: Tensor) -> Tensor:
        """Shift the time."""
        scale = math.exp(self.shift)
        return scale / (scale + (1 / timestep - 1))

    def percent_to_sigma(self, percent: float) -> float:
        """Shift the share that remains."""
        if percent <= 0.0:
            return 1.0
        if percent >= 1.0:
            return 0.0
        scale = math.exp(self.shift)
        return scale / (scale + (1 / (1.0 - percent) - 1))


def shifted_time(shift: float, time: Number) -> Number:
    """Move a time in 0..1 towards 1 (Esser et al. 2024, equation 23)."""
    return shift * time / (1 + (shift - 1) * time)


def stable_diffusion_sampling(
    prediction: Prediction | None = None,
    *,
    zero_terminal_snr: bool = False,
    beta_start: float = BETA_START,
    beta_end: float = BETA_END,
) -> DiscreteSampling:
    """Return the levels of Stable Diffusion: betas linear in their square root (Rombach et al. 2022)."""
    betas = torch.linspace(beta_start**0.5, beta_end**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    alphas = (1.0 - betas).cumprod(dim=0)
    if zero_terminal_snr:
        alphas = without_terminal_signal(alphas)
    return DiscreteSampling(((1 - alphas) / alphas) ** 0.5, prediction or Epsilon())


def without_terminal_signal(alphas: Tensor) -> Tensor:
    """Rescale cumulative alphas so that the last level holds no signal (Lin et al. 2024, algorithm 1)."""
    root = alphas.sqrt()
    scaled = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    scaled[-1] = SMALLEST_ALPHA
    return scaled
