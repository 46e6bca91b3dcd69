"""Nodes that make noise levels out of a model's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.diffusion.schedules import SCHEDULERS, beta, sigmas_for
from services.executor.nodes.checkpoint_parts import held_model
from services.executor.nodes.declarations import number, whole
from services.executor.nodes.sigma_schedules import STEPS, SchedulerNode, exact

#: Stages of a model that was distilled to few steps, and how many of its timesteps each has.
TURBO_STAGES = 10
STAGE_TIMESTEPS = 100


class BasicScheduler(SchedulerNode):
    """Levels spread as a scheduler does."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the scheduler, how many steps, and the share of noise to begin with."""
        return {
            "required": {
                "model": ("MODEL",),
                "scheduler": (tuple(SCHEDULERS),),
                "steps": STEPS,
                "denoise": number(1.0, 0.0, 1.0, 0.01),
            }
        }

    def get_sigmas(self, model: Any, scheduler: str, steps: int, denoise: float) -> tuple[Tensor]:
        """Return the levels; none when no noise is to be removed.

        Raises:
            ValueError: the model is missing, or the scheduler is not known.
        """
        return (sigmas_for(_sampling_of(model), scheduler, steps, denoise=denoise),)


class BetaSamplingScheduler(SchedulerNode):
    """Levels at the quantiles of a Beta distribution."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, how many steps, and the parameters of the distribution."""
        parameter = exact(0.6, 0.0, 50.0)
        return {"required": {"model": ("MODEL",), "steps": STEPS, "alpha": parameter, "beta": parameter}}

    def get_sigmas(self, model: Any, steps: int, **shape: float) -> tuple[Tensor]:
        """Return the levels, of which equal ones stand once, then zero.

        Raises:
            ValueError: the model is missing, or a parameter is zero.
        """
        for name, value in shape.items():
            if value <= 0:
                raise ValueError(f"{name}: must be above zero")
        return (beta(_sampling_of(model), steps, shape["alpha"], shape["beta"]),)


class SDTurboScheduler(SchedulerNode):
    """Levels at which a distilled model was trained."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, how many steps, and the share of noise to begin with."""
        return {
            "required": {
                "model": ("MODEL",),
                "steps": whole(1, 1, TURBO_STAGES, step=None),
                "denoise": number(1.0, 0, 1.0, 0.01),
            }
        }

    def get_sigmas(self, model: Any, steps: int, denoise: float) -> tuple[Tensor]:
        """Return the levels of as many stages as there are left, then zero.

        Raises:
            ValueError: the model is missing.
        """
        model_sampling = _sampling_of(model)
        stages = range(int(TURBO_STAGES * denoise), 0, -1)[:steps]
        sigmas = [model_sampling.sigma(torch.tensor(float(stage * STAGE_TIMESTEPS - 1))) for stage in stages]
        return (torch.tensor([*map(float, sigmas), 0.0]),)


class SamplingPercentToSigma:
    """The level at a share of the sampling."""

    RETURN_TYPES = ("FLOAT",)
    RETURN_NAMES = ("sigma_value",)
    FUNCTION = "get_sigma"
    CATEGORY = "sampling/custom_sampling/sigmas"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_custom_sampler"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the share, and whether the ends are the model's own levels rather than beyond all."""
        actual = "Whether to give the highest and the lowest level that the model has for 0 and 1."
        return {
            "required": {
                "model": ("MODEL", {}),
                "sampling_percent": number(0.0, 0.0, 1.0, 0.0001),
                "return_actual_sigma": ("BOOLEAN", {"default": False, "tooltip": actual}),
            }
        }

    def get_sigma(self, model: Any, sampling_percent: float, return_actual_sigma: bool) -> tuple[float]:
        """Return the level.

        Raises:
            ValueError: the model is missing.
        """
        model_sampling = _sampling_of(model)
        if return_actual_sigma and sampling_percent in (0.0, 1.0):
            return (float(model_sampling.sigma_max if sampling_percent == 0.0 else model_sampling.sigma_min),)
        return (float(model_sampling.percent_to_sigma(sampling_percent)),)


def _sampling_of(model: Any) -> ModelSampling:
    return held_model(model).model_sampling


NODES: tuple[type, ...] = (BasicScheduler, BetaSamplingScheduler, SDTurboScheduler, SamplingPercentToSigma)
