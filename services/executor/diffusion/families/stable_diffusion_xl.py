"""Stable Diffusion XL and its refiner (Podell et al., 2023, https://arxiv.org/abs/2307.01952)."""

from __future__ import annotations

from services.executor.diffusion.families.family import Family
from services.executor.diffusion.families.vectors import VectorLayout
from services.executor.diffusion.latent_format import SDXL_LATENTS
from services.executor.diffusion.models.unet_spec import UNetSpec

_BASE = VectorLayout(("height", "width", "crop_h", "crop_w", "target_height", "target_width"))
_REFINER = VectorLayout(("height", "width", "crop_h", "crop_w", "aesthetic_score"))


def _is_xl(spec: UNetSpec) -> bool:
    return spec.adm_channels is not None and spec.linear_projection and not spec.attends_before_downsampling


def _is_refiner(spec: UNetSpec) -> bool:
    # It reads one text encoder only, so tokens and pooled text have one width.
    return _is_xl(spec) and spec.adm_channels == spec.context_dim + _REFINER.number_channels


def _is_base(spec: UNetSpec) -> bool:
    return _is_xl(spec) and not _is_refiner(spec) and (spec.adm_channels or 0) > _BASE.number_channels


STABLE_DIFFUSION_XL = Family("Stable Diffusion XL", "stable-diffusion-xl-v1-base", _is_base, SDXL_LATENTS, _BASE)
STABLE_DIFFUSION_XL_REFINER = Family(
    "Stable Diffusion XL refiner", "stable-diffusion-xl-v1-refiner", _is_refiner, SDXL_LATENTS, _REFINER
)
