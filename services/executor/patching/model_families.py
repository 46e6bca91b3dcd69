"""What a MODEL holds at `.model`, by family: node packs ask which class it is of."""

from __future__ import annotations

from services.executor.diffusion.families.stable_diffusion_2 import STABLE_DIFFUSION_2_UNCLIP
from services.executor.diffusion.families.stable_diffusion_xl import STABLE_DIFFUSION_XL, STABLE_DIFFUSION_XL_REFINER
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.patching.base_model import BaseModel


class SDXL(BaseModel):
    """Stable Diffusion XL."""


class SDXLRefiner(BaseModel):
    """The refiner of Stable Diffusion XL."""


class SD21UNCLIP(BaseModel):
    """The Stable Diffusion 2.1 that follows pictures."""


_CLASSES: dict[str, type[BaseModel]] = {
    STABLE_DIFFUSION_2_UNCLIP.name: SD21UNCLIP,
    STABLE_DIFFUSION_XL.name: SDXL,
    STABLE_DIFFUSION_XL_REFINER.name: SDXLRefiner,
}


def as_nodes_know_it(network: LatentDiffusionModel) -> BaseModel:
    """A loaded network in the class of its family."""
    return _CLASSES.get(network.family.name, BaseModel)(network)
