"""Stable Diffusion 2: another text encoder, and linear layers around its transformers."""

from __future__ import annotations

from services.executor.diffusion.families import predictions
from services.executor.diffusion.families.concatenation import Depth, Editing, Inpainting
from services.executor.diffusion.families.family import Family
from services.executor.diffusion.families.vectors import PictureVector
from services.executor.diffusion.latent_format import SD1_LATENTS
from services.executor.diffusion.models.unet_spec import UNetSpec

TASK_CHANNELS = 4
"""Of the vector that says to networks of Lotus (He et al., 2024, arXiv:2409.18124) what to find; pictures have more."""


def _is_second(spec: UNetSpec) -> bool:
    return spec.linear_projection and spec.attends_before_downsampling and spec.classes is None


def _fits(spec: UNetSpec) -> bool:
    return _is_second(spec) and spec.adm_channels is None


def _is_unclip(spec: UNetSpec) -> bool:
    return _is_second(spec) and spec.adm_channels is not None and spec.adm_channels > TASK_CHANNELS


STABLE_DIFFUSION_2 = Family(
    "Stable Diffusion 2",
    "stable-diffusion-v2",
    _fits,
    SD1_LATENTS,
    prediction=predictions.noise_or_velocity,
    concatenations=(Inpainting(), Editing(), Depth()),
)
STABLE_DIFFUSION_2_UNCLIP = Family(
    "Stable Diffusion 2 unCLIP",
    "stable-diffusion-v2-unclip",
    _is_unclip,
    SD1_LATENTS,
    vector=PictureVector(),
    prediction=predictions.velocity,
)
