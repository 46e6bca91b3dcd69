"""`comfy.samplers`: names, noise levels and samplers of our own; guiders of packs are not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from services.executor.custom.modules.step_callback import StepCallback, report_of
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.samplers import SAMPLERS, Sampler
from services.executor.diffusion.sampling import part_of, sample_sigmas
from services.executor.diffusion.schedules import SCHEDULERS, ddim_uniform, sigmas_for, simple
from services.executor.diffusion.schedules import beta as _beta

SAMPLER_NAMES = list(SAMPLERS)
KSAMPLER_NAMES = [name for name in SAMPLERS if name not in ("ddim", "uni_pc", "uni_pc_bh2")]
SCHEDULER_NAMES = list(SCHEDULERS)
DISCARDING = {name for name, sampler in SAMPLERS.items() if sampler.discards_penultimate_sigma}


simple_scheduler = simple
ddim_scheduler = ddim_uniform


def beta_scheduler(model_sampling: ModelSampling, steps: int, alpha: float = 0.6, beta: float = 0.6) -> Tensor:
    """The noise levels at quantiles of a Beta distribution."""
    return _beta(model_sampling, steps, alpha, beta)


def sampler_object(name: str) -> Sampler:
    """A sampler by its name.

    Raises:
        KeyError: there is none.
    """
    return SAMPLERS[name]


def ksampler(
    sampler_name: str, extra_options: Mapping[str, Any] = {}, inpaint_options: Mapping[str, Any] = {}
) -> Sampler:
    """A sampler with options of its own."""
    sampler = SAMPLERS[sampler_name]
    return replace(sampler, options={**sampler.options, **extra_options})


def calculate_sigmas(model_sampling: ModelSampling, scheduler_name: str, steps: int) -> Tensor:
    """The noise levels of a schedule, from the highest to zero."""
    return sigmas_for(model_sampling, scheduler_name, steps)


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
        self.model = model
        self.steps = steps
        self.device = device
        self.sampler: str = sampler if sampler and sampler in SAMPLERS else SAMPLER_NAMES[0]
        self.scheduler: str = scheduler if scheduler and scheduler in SCHEDULERS else SCHEDULER_NAMES[0]
        self.denoise = denoise
        self.sigmas = sigmas_for(
            model.model_sampling,
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
        return sample_sigmas(
            self.model,
            positive,
            negative,
            noise.new_zeros(noise.shape) if latent_image is None else latent_image,
            noise,
            levels,
            SAMPLERS[self.sampler],
            cfg=cfg,
            seed=seed or 0,
            noise_mask=denoise_mask,
            report=report_of(callback),
        )
