"""Stable Diffusion 1 (Rombach et al., 2022, https://arxiv.org/abs/2112.10752)."""

from __future__ import annotations

from services.executor.diffusion.families.family import Family
from services.executor.diffusion.latent_format import SD1_LATENTS
from services.executor.diffusion.models.unet_spec import UNetSpec


def _fits(spec: UNetSpec) -> bool:
    return spec.adm_channels is None and spec.classes is None and not spec.linear_projection


STABLE_DIFFUSION_1 = Family("Stable Diffusion 1", "stable-diffusion-v1", _fits, SD1_LATENTS)
