"""Tells the outside about a sampler's steps."""

from __future__ import annotations

from torch import Tensor

from services.executor.diffusion.denoiser import DiffusionModel
from services.executor.diffusion.sampling import Progress
from services.executor.engine.context import current_context


def report_steps(model: DiffusionModel) -> Progress:
    """What to hand to `sample`: progress after every step; raises `Interrupted` there."""
    context = current_context()

    def report(step: int, steps: int, noisy: Tensor, denoised: Tensor) -> None:
        context.progress(step + 1, steps)

    return report
