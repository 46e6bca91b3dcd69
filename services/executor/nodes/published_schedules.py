"""Nodes that give the noise levels which papers found by optimisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import number, whole
from services.executor.nodes.schema_node import SchemaNode, combo

Levels = Mapping[str, Sequence[float]]

#: Sabour et al. 2024, Align Your Steps, for ten steps.
ALIGN_YOUR_STEPS: Levels = {
    "SD1": (
        *(14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092),
        *(0.9642583904, 0.6523686016, 0.3977456272, 0.1515232662, 0.0291671582),
    ),
    "SDXL": (
        *(14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141),
        *(0.5550693289, 0.3798540708, 0.2332364134, 0.1114188177, 0.0291671582),
    ),
    "SVD": (700.00, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002),
}

#: Pei et al. 2025, Optimal Stepsize for Diffusion Sampling, for 10, 20 and 40 steps.
OPTIMAL_STEPS: Levels = {
    "FLUX": (0.9968, 0.9886, 0.9819, 0.975, 0.966, 0.9471, 0.9158, 0.8287, 0.5512, 0.2808, 0.001),
    "Wan": (
        *(1.0, 0.997, 0.995, 0.993, 0.991, 0.989, 0.987, 0.985, 0.98, 0.975, 0.973),
        *(0.968, 0.96, 0.946, 0.927, 0.902, 0.864, 0.776, 0.539, 0.208, 0.001),
    ),
    "Chroma": (
        *(0.992, 0.99, 0.988, 0.985, 0.982, 0.978, 0.973, 0.968, 0.961, 0.953, 0.943),
        *(0.931, 0.917, 0.9, 0.881, 0.858, 0.832, 0.802, 0.769, 0.731, 0.69),
        *(0.646, 0.599, 0.55, 0.501, 0.451, 0.402, 0.355, 0.311, 0.27, 0.232),
        *(0.199, 0.169, 0.143, 0.12, 0.101, 0.084, 0.07, 0.058, 0.048, 0.001),
    ),
}


class PublishedScheduler(SchemaNode):
    """A node of published levels."""

    RETURN_TYPES = ("SIGMAS",)
    FUNCTION = "execute"
    CATEGORY = "sampling/custom_sampling/schedulers"
    LEVELS: Levels = {}
    STEPS = whole(10, 1, 10000, step=None)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The family of models, how many steps, and the share of noise to begin with."""
        denoise = number(1.0, 0.0, 1.0, 0.01)
        return {"required": {"model_type": combo(*cls.LEVELS), "steps": cls.STEPS, "denoise": denoise}}

    def execute(self, model_type: str, steps: int, denoise: float) -> tuple[Tensor]:
        """Return the levels with zero for the last; for other numbers of steps, those between by their logarithms.

        Raises:
            ValueError: unknown family.
        """
        if model_type not in self.LEVELS:
            raise ValueError(f"model_type: {model_type!r} is not one of {', '.join(self.LEVELS)}")
        if denoise <= 0:
            return (torch.empty(0),)
        levels = _interpolated(torch.tensor(self.LEVELS[model_type], dtype=torch.float64), steps + 1)
        sigmas = levels[-(round(steps * min(denoise, 1.0)) + 1) :].float()
        sigmas[-1] = 0
        return (sigmas,)


class AlignYourStepsScheduler(PublishedScheduler):
    """Levels that keep the error of the solver small."""

    LEVELS = ALIGN_YOUR_STEPS
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_align_your_steps"


class OptimalStepsScheduler(PublishedScheduler):
    """Levels that come close to what many more steps would give."""

    LEVELS = OPTIMAL_STEPS
    STEPS = whole(20, 3, 1000, step=None)
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_optimalsteps"


def _interpolated(levels: Tensor, count: int) -> Tensor:
    places = torch.linspace(0, len(levels) - 1, count, dtype=torch.float64)
    before = places.long().clamp(max=len(levels) - 2)
    logarithms = levels.log()
    return (logarithms[before] + (places - before) * (logarithms[before + 1] - logarithms[before])).exp()


NODES: tuple[type, ...] = (AlignYourStepsScheduler, OptimalStepsScheduler)
