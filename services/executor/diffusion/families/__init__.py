"""The families of diffusion networks that can be loaded, one file for each."""

from __future__ import annotations

from services.executor.diffusion.families.family import Family
from services.executor.diffusion.families.stable_diffusion_1 import STABLE_DIFFUSION_1
from services.executor.diffusion.families.stable_diffusion_2 import STABLE_DIFFUSION_2, STABLE_DIFFUSION_2_UNCLIP
from services.executor.diffusion.families.stable_diffusion_xl import STABLE_DIFFUSION_XL, STABLE_DIFFUSION_XL_REFINER
from services.executor.diffusion.families.upscaler import UPSCALER
from services.executor.diffusion.models.unet_spec import UNetSpec

__all__ = [
    "FAMILIES",
    "STABLE_DIFFUSION_1",
    "STABLE_DIFFUSION_2",
    "STABLE_DIFFUSION_2_UNCLIP",
    "STABLE_DIFFUSION_XL",
    "STABLE_DIFFUSION_XL_REFINER",
    "UPSCALER",
    "Family",
    "family_of",
]

FAMILIES = (
    STABLE_DIFFUSION_1,
    STABLE_DIFFUSION_2,
    STABLE_DIFFUSION_2_UNCLIP,
    STABLE_DIFFUSION_XL,
    STABLE_DIFFUSION_XL_REFINER,
    UPSCALER,
)


def family_of(spec: UNetSpec) -> Family | None:
    """The family that a network of this structure belongs to, None if it is none of these."""
    return next((family for family in FAMILIES if family.fits(spec)), None)
