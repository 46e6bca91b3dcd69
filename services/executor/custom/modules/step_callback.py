"""Between the callbacks that packs hand to samplers and our own reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from services.executor.diffusion.sampling import Progress

#: Called with the step's index, the denoised estimate, the noisy latent, the number of steps.
StepCallback = Callable[[int, Tensor, Tensor, int], Any]


def report_of(callback: StepCallback | None) -> Progress | None:
    """A report that tells a pack's callback."""
    if callback is None:
        return None

    def report(step: int, steps: int, noisy: Tensor, denoised: Tensor) -> None:
        callback(step, denoised, noisy, steps)

    return report
