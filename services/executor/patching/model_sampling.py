"""The noise levels of a model and what its network predicts, as classes that nodes mix into one.

A node writes `class Mine(ModelSamplingDiscrete, V_PREDICTION)` and puts an instance in the place of a model's own. All
of them work on rows: sigmas and timesteps (batch,), one for each latent, or 0-dim for all.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion import model_sampling as levels
from services.executor.diffusion.model_sampling import (
    DiscreteSampling,
    FlowSampling,
    FluxSampling,
    LogarithmicSampling,
    ModelSampling,
)
from services.executor.diffusion.prediction import Epsilon, Flow, Preconditioned, Prediction, Sample, Velocity


class _Predicts:
    """The arithmetic of a prediction; `sigma_data` is the deviation of the latents."""

    sigma_data: float = 1.0

    def _prediction(self) -> Prediction:
        raise NotImplementedError

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        """Scale a noisy latent (batch, channels, ...) to what the network sees."""
        return self._prediction().model_input(noise, beside(sigma, noise))

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        """The clean latent; `model_input` is the noisy one, not scaled."""
        return self._prediction().denoised(model_output, model_input, beside(sigma, model_output))

    def noise_scaling(self, sigma: Tensor, noise: Tensor, latent_image: Tensor, max_denoise: bool = False) -> Tensor:
        """Bring a clean latent to a noise level; `max_denoise` says that it is the highest."""
        return self._prediction().add_noise(beside(sigma, noise), noise, latent_image, is_maximum=max_denoise)

    def inverse_noise_scaling(self, sigma: Tensor, latent: Tensor) -> Tensor:
        """Undo the scaling on a latent that was left at a noise level."""
        return self._prediction().finish(beside(sigma, latent), latent)


class EPS(_Predicts):
    """The network predicts the noise."""

    def _prediction(self) -> Prediction:
        return Epsilon(self.sigma_data)


class V_PREDICTION(EPS):
    """The network predicts v."""

    def _prediction(self) -> Prediction:
        return Velocity(self.sigma_data)


class EDM(V_PREDICTION):
    """The network has the preconditioning of Karras et al. (2022)."""

    def _prediction(self) -> Prediction:
        return Preconditioned(self.sigma_data)


class X0(EPS):
    """The network predicts the clean latent."""

    def _prediction(self) -> Prediction:
        return Sample(self.sigma_data)


class IMG_TO_IMG(X0):
    """The network predicts the clean latent, of a noisy one that is not scaled."""

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        """Return the noisy latent."""
        return noise


class CONST(_Predicts):
    """The network predicts the velocity of a rectified flow."""

    def _prediction(self) -> Prediction:
        return Flow()


class _Levels(nn.Module):
    """A table of levels; what is asked about them is answered by `levels`.

    Attributes:
        stays_on_host: samplers read levels on the host, reading them on a device would wait for it.
    """

    stays_on_host = True
    sigmas: Tensor

    def __init__(self, own: ModelSampling) -> None:
        super().__init__()
        self._use(own)

    def _use(self, own: ModelSampling) -> None:
        self.levels = own
        self.register_buffer("sigmas", own.sigmas, persistent=False)

    @property
    def sigma_min(self) -> Tensor:
        """The lowest level."""
        return self.sigmas[0]

    @property
    def sigma_max(self) -> Tensor:
        """The highest level."""
        return self.sigmas[-1]

    def timestep(self, sigma: Tensor) -> Tensor:
        """What the network is given as its time at a level."""
        return self.levels.timestep(sigma.cpu()).to(sigma.device)

    def sigma(self, timestep: Tensor) -> Tensor:
        """The level of a timestep."""
        return self.levels.sigma(timestep.cpu()).to(timestep.device)

    def percent_to_sigma(self, percent: float) -> float:
        """The level at a share of sampling."""
        return self.levels.percent_to_sigma(percent)


class ModelSamplingDiscrete(_Levels):
    """Levels indexed by timestep, as Stable Diffusion has them.

    Args:
        model_config: whose `sampling_settings` may say "linear_start", "linear_end" and "zsnr".
        zsnr: whether the last level holds no signal.
    """

    log_sigmas: Tensor

    def __init__(self, model_config: Any = None, zsnr: bool | None = None) -> None:
        settings = getattr(model_config, "sampling_settings", None) or {}
        self.zsnr = bool(settings.get("zsnr", False) if zsnr is None else zsnr)
        self.linear_start = settings.get("linear_start", levels.BETA_START)
        self.linear_end = settings.get("linear_end", levels.BETA_END)
        self.num_timesteps = levels.TIMESTEPS
        super().__init__(
            levels.stable_diffusion_sampling(
                zero_terminal_snr=self.zsnr, beta_start=self.linear_start, beta_end=self.linear_end
            )
        )

    def set_sigmas(self, sigmas: Tensor) -> None:
        """Take other levels, ascending."""
        self._use(DiscreteSampling(sigmas.detach().cpu(), self.levels.prediction))

    def _use(self, own: ModelSampling) -> None:
        super()._use(own)
        self.register_buffer("log_sigmas", own.sigmas.log(), persistent=False)


class ModelSamplingContinuousEDM(_Levels):
    """Levels evenly spaced in their logarithm."""

    def __init__(self, model_config: Any = None) -> None:
        super().__init__(LogarithmicSampling(0.002, 120.0, Velocity()))
        settings = getattr(model_config, "sampling_settings", None) or {}
        self.set_parameters(
            settings.get("sigma_min", 0.002), settings.get("sigma_max", 120.0), settings.get("sigma_data", 1.0)
        )

    def set_parameters(self, sigma_min: float, sigma_max: float, sigma_data: float) -> None:
        """Take other levels, and another deviation of the latents."""
        self.sigma_data = sigma_data
        self._use(LogarithmicSampling(sigma_min, sigma_max, self.levels.prediction))


class ModelSamplingContinuousV(ModelSamplingContinuousEDM):
    """The same levels, for a network that is given the angle between signal and noise."""

    def timestep(self, sigma: Tensor) -> Tensor:
        """The angle, 0..1."""
        return sigma.atan() / math.pi * 2

    def sigma(self, timestep: Tensor) -> Tensor:
        """The level of an angle."""
        return (timestep * math.pi / 2).tan()


class ModelSamplingDiscreteFlow(_Levels):
    """Levels of a rectified flow, moved towards more noise by a shift."""

    def __init__(self, model_config: Any = None) -> None:
        settings = getattr(model_config, "sampling_settings", None) or {}
        super().__init__(FlowSampling(settings.get("shift", 1.0), settings.get("multiplier", 1000)))
        self.set_parameters(settings.get("shift", 1.0), multiplier=settings.get("multiplier", 1000))

    def set_parameters(self, shift: float = 1.0, timesteps: int = levels.TIMESTEPS, multiplier: float = 1000) -> None:
        """Take another shift, and another unit of the network's time.

        Raises:
            ValueError: another number of timesteps than 1000.
        """
        if timesteps != levels.TIMESTEPS:
            raise ValueError(f"a flow has {levels.TIMESTEPS} timesteps here, not {timesteps}")
        self.shift, self.multiplier = shift, multiplier
        self._use(FlowSampling(shift, multiplier))


class ModelSamplingFlux(_Levels):
    """Levels of a rectified flow with an exponential shift."""

    def __init__(self, model_config: Any = None) -> None:
        settings = getattr(model_config, "sampling_settings", None) or {}
        super().__init__(FluxSampling(settings.get("shift", 1.15)))
        self.set_parameters(settings.get("shift", 1.15))

    def set_parameters(self, shift: float = 1.15, timesteps: int = levels.FLUX_TIMESTEPS) -> None:
        """Take another shift.

        Raises:
            ValueError: another number of timesteps than 10000.
        """
        if timesteps != levels.FLUX_TIMESTEPS:
            raise ValueError(f"such a flow has {levels.FLUX_TIMESTEPS} timesteps here, not {timesteps}")
        self.shift = shift
        self._use(FluxSampling(shift))


_LEVELS: dict[type[ModelSampling], type[_Levels]] = {
    DiscreteSampling: ModelSamplingDiscrete,
    LogarithmicSampling: ModelSamplingContinuousEDM,
    FlowSampling: ModelSamplingDiscreteFlow,
    FluxSampling: ModelSamplingFlux,
}
_PREDICTIONS: dict[type[Any], type[_Predicts]] = {
    Epsilon: EPS,
    Velocity: V_PREDICTION,
    Preconditioned: EDM,
    Sample: X0,
    Flow: CONST,
}


class OwnSampling:
    """Marks the sampling that a model was loaded with: it is used without a detour."""

    levels: ModelSampling


def as_nodes_know_it(own: ModelSampling) -> Any:
    """A model's own sampling in the classes above."""
    bases = (OwnSampling, _LEVELS[type(own)], _PREDICTIONS[type(own.prediction)])
    made: Any = type("ModelSampling", bases, {})()
    made.sigma_data = getattr(own.prediction, "sigma_data", 1.0)
    made._use(own)
    return made


def as_samplers_know_it(given: Any) -> ModelSampling:
    """Whatever stands in the place of a model's sampling, for our own samplers and schedules."""
    return given.levels if isinstance(given, OwnSampling) else GivenSampling(given)


def as_files_know_it(given: Any) -> ModelSampling:
    """The same where it is made of the classes here, by the levels and the prediction that they stand for."""
    if not (isinstance(given, _Levels) and isinstance(given, _Predicts)):
        return as_samplers_know_it(given)
    known = copy.copy(given.levels)
    known.prediction = given._prediction()
    return known


class GivenSampling(ModelSampling):
    """The sampling that a node put in the place of a model's own."""

    def __init__(self, given: Any) -> None:
        super().__init__(given.sigmas.detach().cpu(), GivenPrediction(given))
        self._given = given

    @property
    def sigma_min(self) -> Tensor:
        """The lowest level, 0-dim."""
        return torch.as_tensor(self._given.sigma_min).float().cpu()

    @property
    def sigma_max(self) -> Tensor:
        """The highest level, 0-dim."""
        return torch.as_tensor(self._given.sigma_max).float().cpu()

    def timestep(self, sigma: Tensor) -> Tensor:
        """What the network is given as its time."""
        return torch.as_tensor(self._given.timestep(sigma)).cpu()

    def sigma(self, timestep: Tensor) -> Tensor:
        """The level of a timestep."""
        return torch.as_tensor(self._given.sigma(timestep)).cpu()

    def percent_to_sigma(self, percent: float) -> float:
        """The level at a share of sampling."""
        return float(self._given.percent_to_sigma(percent))


class GivenPrediction:
    """The arithmetic of a prediction that a node brought; it is given one sigma for each latent, on their device."""

    def __init__(self, given: Any) -> None:
        self._given = given
        self.is_flow = isinstance(given, CONST)

    def model_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Scale the noisy latent."""
        scaled: Tensor = self._given.calculate_input(_rows(sigma, x), x)
        return scaled

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """The clean latent."""
        clean: Tensor = self._given.calculate_denoised(_rows(sigma, x), output, x)
        return clean

    def add_noise(self, sigma: Tensor, noise: Tensor, latent: Tensor, *, is_maximum: bool = False) -> Tensor:
        """Bring a clean latent to a noise level."""
        noisy: Tensor = self._given.noise_scaling(_rows(sigma, noise), noise, latent, is_maximum)
        return noisy

    def finish(self, sigma: Tensor, x: Tensor) -> Tensor:
        """Undo the scaling."""
        clean: Tensor = self._given.inverse_noise_scaling(_rows(sigma, x), x)
        return clean


def _rows(sigma: Tensor, x: Tensor) -> Tensor:
    """One sigma for each latent."""
    if sigma.dim() == 0:
        return torch.full((len(x),), float(sigma), device=x.device)
    return sigma.reshape(-1).to(x.device)


def beside(sigma: Tensor, x: Tensor) -> Tensor:
    """Sigmas so that they go with latents; 0-dim ones go with all and may stay where they are."""
    return sigma if sigma.dim() == 0 else sigma.reshape(-1, *[1] * (x.dim() - 1))
