"""Tells the outside about a sampler's steps."""

from __future__ import annotations

import io
from functools import partial

from PIL import Image, ImageOps
from torch import Tensor

from services.executor.diffusion.preview import LARGEST_SIDE, latent_preview
from services.executor.diffusion.sampling import HasLevels, Progress
from services.executor.engine.context import PreviewImage, current_context
from services.executor.nodes.latent import CELL

JPEG_QUALITY = 90


def report_steps(model: HasLevels) -> Progress:
    """What to hand to `sample`: progress and a preview after every step; raises `Interrupted` there.

    Without watchers the preview is not made, so that the device is not waited for.
    """
    context = current_context()

    def report(step: int, steps: int, noisy: Tensor, denoised: Tensor) -> None:
        preview = PreviewImage("image/jpeg", partial(preview_jpeg, model, denoised), provisional=True)
        context.progress(step + 1, steps, preview)

    return report


def preview_jpeg(model: HasLevels, latent: Tensor) -> bytes:
    """The first latent of a batch (in the model's space) as a JPEG of the picture's size, at most 512 pixels a side."""
    cells = latent_preview(latent, model.latent_format)
    side = min(LARGEST_SIDE, CELL * max(cells.size))
    buffer = io.BytesIO()
    ImageOps.contain(cells, (side, side), Image.Resampling.BILINEAR).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
