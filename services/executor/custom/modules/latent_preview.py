"""`latent_preview`: progress and glimpses of unfinished latents while a sampler of a pack runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from services.executor.custom.modules.comfy_cli_args import LatentPreviewMethod
from services.executor.diffusion import latent_format as known
from services.executor.diffusion.preview import first_of, latent_preview, picture_of
from services.executor.environment import environment
from services.executor.nodes.step_report import report_steps
from services.executor.patching.latent_formats import LatentFormat, as_previews_know_it
from services.executor.patching.sampling import StepCallback
from services.executor.previews.choice import LARGEST_SIDE, ask_for
from services.executor.previews.previewers import Previewer

MAX_PREVIEW_RESOLUTION = LARGEST_SIDE

default_preview_method = LatentPreviewMethod.Auto


class LatentPreviewer:
    """Makes pictures of latents; packs may inherit from it."""

    def decode_latent_to_preview(self, x0: Tensor) -> Image.Image:
        """A picture of the first latent of a batch."""
        raise NotImplementedError

    def decode_latent_to_preview_image(self, preview_format: str, x0: Tensor) -> tuple[str, Image.Image, int]:
        """What a ProgressBar takes as a preview."""
        return "JPEG", self.decode_latent_to_preview(x0), environment().previews.settings.size


class TAESDPreviewerImpl(LatentPreviewer):
    """Latents through a tiny autoencoder, which has `decode` as `comfy.taesd.taesd.TAESD` has."""

    def __init__(self, taesd: Any) -> None:
        self.taesd = taesd

    def decode_latent_to_preview(self, x0: Tensor) -> Image.Image:
        """A picture of the first latent of a batch."""
        return preview_to_image(self.taesd.decode(first_of(x0))[0].movedim(0, -1))


class Latent2RGBPreviewer(LatentPreviewer):
    """Each cell of a latent as a pixel: what each channel adds to red, green and blue in -1..1."""

    def __init__(
        self,
        latent_rgb_factors: Sequence[Sequence[float]],
        latent_rgb_factors_bias: Sequence[float] | None = None,
        latent_rgb_factors_reshape: Any = None,
    ) -> None:
        self._latent_format = known.LatentFormat(
            channels=len(latent_rgb_factors),
            rgb_factors=tuple((red, green, blue) for red, green, blue in latent_rgb_factors),
            rgb_bias=tuple(latent_rgb_factors_bias or (0.0, 0.0, 0.0)),  # type: ignore[arg-type]
        )
        self._reshape = latent_rgb_factors_reshape

    def decode_latent_to_preview(self, x0: Tensor) -> Image.Image:
        """A picture of the first latent of a batch, one pixel a cell."""
        return latent_preview(x0 if self._reshape is None else self._reshape(x0), self._latent_format)


class _OwnPreviewer(LatentPreviewer):
    def __init__(self, show: Previewer) -> None:
        self._show = show

    def decode_latent_to_preview(self, x0: Tensor) -> Image.Image:
        """A picture of the first latent of a batch."""
        return self._show(x0)


def preview_to_image(latent_image: Tensor, do_scale: bool = True) -> Image.Image:
    """Colours (height, width, 3) as a picture; they are in -1..1, or in 0..1 where they are not to be scaled."""
    return picture_of((latent_image + 1) / 2 if do_scale else latent_image)


def get_previewer(device: Any, latent_format: LatentFormat) -> LatentPreviewer | None:
    """What makes pictures of latents of a family, None where none are to be shown."""
    show = environment().previews.of(as_previews_know_it(latent_format), torch.device(device))
    return None if show is None else _OwnPreviewer(show)


def prepare_callback(model: Any, steps: int, x0_output_dict: dict[str, Any] | None = None) -> StepCallback:
    """A callback that reports each step of the running node; `x0_output_dict` is given the estimate as "x0"."""
    report = report_steps(model)

    def callback(step: int, x0: Tensor, x: Tensor, total_steps: int) -> None:
        if x0_output_dict is not None:
            x0_output_dict["x0"] = x0
        report(step, total_steps, x, x0)

    return callback


def set_preview_method(override: str | None = None) -> None:
    """Show the latents of the running prompt in another way; "default" and unknown names ask for none."""
    ask_for(override)
