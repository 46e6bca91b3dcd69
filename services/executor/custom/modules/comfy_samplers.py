"""`comfy.samplers`: guiders, samplers, noise levels, and the stages of a step's prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.sampling import part_of
from services.executor.diffusion.schedules import SCHEDULERS, ddim_uniform, sigmas_for, simple
from services.executor.diffusion.schedules import beta as _beta
from services.executor.diffusion.schedules import linear_quadratic as _linear_quadratic
from services.executor.diffusion.schedules import normal as _normal
from services.executor.diffusion.schedules import sgm_uniform as _sgm_uniform
from services.executor.patching.conds import encode_model_conds, process_conds
from services.executor.patching.guider import CFGGuider
from services.executor.patching.k_samplers import KSAMPLER, KSamplerX0Inpaint, Sampler, ksampler, sampler_object
from services.executor.patching.model_sampling import as_samplers_know_it
from services.executor.patching.prediction import calc_cond_batch, cfg_function, sampling_function
from services.executor.patching.sampling import StepCallback, sample_sigmas

__all__ = [
    "KSAMPLER",
    "CFGGuider",
    "KSamplerX0Inpaint",
    "Sampler",
    "calc_cond_batch",
    "cfg_function",
    "encode_model_conds",
    "ksampler",
    "process_conds",
    "sampler_object",
    "sampling_function",
]

SAMPLER_NAMES = list(SAMPLERS)
KSAMPLER_NAMES = [name for name in SAMPLERS if name not in ("ddim", "uni_pc", "uni_pc_bh2")]
SCHEDULER_NAMES = list(SCHEDULERS)
DISCARDING = {name for name, sampler in SAMPLERS.items() if sampler.discards_penultimate_sigma}


def calculate_sigmas(model_sampling: Any, scheduler_name: str, steps: int) -> Tensor:
    """The noise levels of a schedule, from the highest to zero."""
    return sigmas_for(_known(model_sampling), scheduler_name, steps)


def simple_scheduler(model_sampling: Any, steps: int) -> Tensor:
    """Evenly spaced entries of the model's table."""
    return simple(_known(model_sampling), steps)


def ddim_scheduler(model_sampling: Any, steps: int) -> Tensor:
    """Every n-th entry of the table."""
    return ddim_uniform(_known(model_sampling), steps)


def normal_scheduler(model_sampling: Any, steps: int, sgm: bool = False, floor: bool = False) -> Tensor:
    """Evenly spaced timesteps; with `sgm` without the last."""
    return (_sgm_uniform if sgm else _normal)(_known(model_sampling), steps)


def beta_scheduler(model_sampling: Any, steps: int, alpha: float = 0.6, beta: float = 0.6) -> Tensor:
    """The noise levels at quantiles of a Beta distribution."""
    return _beta(_known(model_sampling), steps, alpha, beta)


def linear_quadratic_schedule(model_sampling: Any, steps: int) -> Tensor:
    """A linear half, then a quadratic one."""
    return _linear_quadratic(_known(model_sampling), steps)


def sample(
    model: Any,
    noise: Tensor,
    positive: Any,
    negative: Any,
    cfg: float,
    device: Any,
    sampler: Any,
    sigmas: Tensor,
    model_options: Mapping[str, Any] = {},
    latent_image: Tensor | None = None,
    denoise_mask: Tensor | None = None,
    callback: StepCallback | None = None,
    disable_pbar: bool = False,
    seed: int | None = None,
) -> Tensor:
    """Denoise a latent with a sampler over given noise levels."""
    return sample_sigmas(
        _with_options(model, model_options),
        positive,
        negative,
        noise.new_zeros(noise.shape) if latent_image is None else latent_image,
        noise,
        sigmas,
        sampler,
        cfg=cfg,
        seed=seed,
        noise_mask=denoise_mask,
        callback=callback,
    )


class KSampler:
    """A sampler set up for a model."""

    SCHEDULERS = SCHEDULER_NAMES
    SAMPLERS = SAMPLER_NAMES
    DISCARD_PENULTIMATE_SIGMA_SAMPLERS = DISCARDING

    def __init__(
        self,
        model: Any,
        steps: int,
        device: Any,
        sampler: str | None = None,
        scheduler: str | None = None,
        denoise: float | None = None,
        model_options: Mapping[str, Any] = {},
    ) -> None:
        self.model = _with_options(model, model_options)
        self.device = device
        self.sampler: str = sampler if sampler and sampler in SAMPLERS else SAMPLER_NAMES[0]
        self.scheduler: str = scheduler if scheduler and scheduler in SCHEDULERS else SCHEDULER_NAMES[0]
        self.set_steps(steps, denoise)

    def set_steps(self, steps: int, denoise: float | None = None) -> None:
        """Take so many steps, beginning with a share of the noise."""
        self.steps, self.denoise = steps, denoise
        self.sigmas = sigmas_for(
            self.model.model_sampling,
            self.scheduler,
            steps,
            denoise=1.0 if denoise is None else denoise,
            discard_penultimate=self.sampler in self.DISCARD_PENULTIMATE_SIGMA_SAMPLERS,
        )

    def sample(
        self,
        noise: Tensor,
        positive: Any,
        negative: Any,
        cfg: float,
        latent_image: Tensor | None = None,
        start_step: int | None = None,
        last_step: int | None = None,
        force_full_denoise: bool = False,
        denoise_mask: Tensor | None = None,
        sigmas: Tensor | None = None,
        callback: StepCallback | None = None,
        disable_pbar: bool = False,
        seed: int | None = None,
    ) -> Tensor:
        """Denoise a latent (batch, channels, height, width), beginning with given noise."""
        levels = part_of(self.sigmas if sigmas is None else sigmas, start_step, last_step, force_full_denoise)
        sampler = sampler_object(self.sampler)
        latent_image = noise.new_zeros(noise.shape) if latent_image is None else latent_image
        return sample_sigmas(
            self.model,
            positive,
            negative,
            latent_image,
            noise,
            levels,
            sampler,
            cfg=cfg,
            seed=seed,
            noise_mask=denoise_mask,
            callback=callback,
        )


def _known(model_sampling: Any) -> ModelSampling:
    return as_samplers_know_it(model_sampling)


def _with_options(model: Any, model_options: Mapping[str, Any]) -> Any:
    if not model_options or model_options is model.model_options:
        return model
    model = model.clone()
    model.model_options = model_options
    return model
