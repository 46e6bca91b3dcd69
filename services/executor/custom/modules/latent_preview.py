"""`latent_preview`: progress and glimpses of unfinished latents while a sampler of a pack runs."""

from __future__ import annotations

from typing import Any

from PIL import Image
from torch import Tensor

from services.executor.diffusion.preview import LARGEST_SIDE, latent_preview
from services.executor.nodes.step_report import report_steps
from services.executor.patching.latent_formats import LatentFormat, as_previews_know_it
from services.executor.patching.sampling import StepCallback

MAX_PREVIEW_RESOLUTION = LARGEST_SIDE


class LatentPreviewer:
    """Makes pictures of latents; packs may inherit from it."""

    def decode_latent_to_preview(self, x0: Tensor) -> Image.Image:
        """A picture of the first latent of a batch."""
        raise NotImplementedError

    def decode_latent_to_preview_image(self, preview_format: str, x0: Tensor) -> tuple[str, Image.Image, int]:
        """What a ProgressBar takes as a preview."""
        return "JPEG", self.decode_latent_to_preview(x0), MAX_PREVIEW_RESOLUTION


class Latent2RGBPreviewer(LatentPreviewer):
    """Each cell of a latent as a pixel."""

    def __init__(self, latent_format: LatentFormat) -> None:
        self._latent_format = latent_format

    def decode_latent_to_preview(self, x0: Tensor) -> Image.Image:
        """A picture of the first latent of a batch, one pixel a cell."""
        return latent_preview(x0, as_previews_know_it(self._latent_format))


def get_previewer(device: Any, latent_format: LatentFormat) -> LatentPreviewer:
    """What makes pictures of latents of a family."""
    return Latent2RGBPreviewer(latent_format)


def prepare_callback(model: Any, steps: int, x0_output_dict: dict[str, Any] | None = None) -> StepCallback:
    """A callback that reports each step of the running node; `x0_output_dict` is given the estimate as "x0"."""
    report = report_steps(model)

    def callback(step: int, x0: Tensor, x: Tensor, total_steps: int) -> None:
        if x0_output_dict is not None:
            x0_output_dict["x0"] = x0
        report(step, total_steps, x, x0)

    return callback
