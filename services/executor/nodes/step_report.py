"""Tells the outside about a sampler's steps."""

from __future__ import annotations

import io
from functools import cache

import torch
from PIL import Image, ImageOps
from torch import Tensor

from services.executor.diffusion.sampling import HasLevels, Progress
from services.executor.engine.context import PreviewImage, current_context
from services.executor.environment import environment
from services.executor.nodes.latent import CELL
from services.executor.previews.previewers import Previewer

JPEG_QUALITY = 90


def report_steps(model: HasLevels) -> Progress:
    """What to hand to `sample`: progress and a preview after every step; raises `Interrupted` there.

    Without watchers the preview is not made, so that the device is not waited for.
    """
    context = current_context()
    previews = environment().previews

    @cache
    def previewer(device: torch.device) -> Previewer | None:
        return previews.of(model.latent_format, device)

    def report(step: int, steps: int, noisy: Tensor, denoised: Tensor) -> None:
        preview = None
        if context.previews_wanted and (show := previewer(denoised.device)):
            side = min(previews.settings.size, CELL * max(denoised.shape[-2:]))
            preview = PreviewImage("image/jpeg", lambda: jpeg(show(denoised), side), provisional=True)
        context.progress(min(step + 1, steps), steps, preview)  # adaptive samplers take more than were asked for

    return report


def jpeg(picture: Image.Image, side: int) -> bytes:
    """A picture as a JPEG whose longer side has so many pixels."""
    buffer = io.BytesIO()
    ImageOps.contain(picture, (side, side), Image.Resampling.BILINEAR).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
