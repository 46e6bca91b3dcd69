"""What a MODEL holds at `.model`, by family: node packs ask which class it is of."""

from __future__ import annotations

from dataclasses import dataclass

from services.executor.diffusion.families import (
    STABLE_DIFFUSION_1,
    STABLE_DIFFUSION_2,
    STABLE_DIFFUSION_2_UNCLIP,
    STABLE_DIFFUSION_XL,
    STABLE_DIFFUSION_XL_REFINER,
    UPSCALER,
    Family,
)
from services.executor.diffusion.families.concatenation import Editing
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.patching import model_config as configs
from services.executor.patching.base_model import BaseModel
from services.executor.patching.model_config import BASE, config_of

UNCLIP_L_VECTOR = 1536
"""Channels of the vector condition of pictures that CLIP-L saw, and their noise level."""


class SD21UNCLIP(BaseModel):
    """Stable Diffusion 2 that is shown pictures."""


class SDXL(BaseModel):
    """Stable Diffusion XL."""


class SDXLRefiner(BaseModel):
    """The refiner of Stable Diffusion XL."""


class IP2P(BaseModel):
    """Any family for editing."""


class SD15_instructpix2pix(IP2P):
    """Stable Diffusion 1 for editing."""


class SDXL_instructpix2pix(IP2P, SDXL):
    """Stable Diffusion XL for editing."""


class SD_X4Upscaler(BaseModel):
    """The upscaler of Stable Diffusion 2."""


@dataclass(frozen=True)
class _Classes:
    """Those of a family, and those of its networks for editing."""

    model: type[BaseModel]
    config: type[BASE]
    editing_model: type[BaseModel] = IP2P
    editing_config: type[BASE] | None = None


_CLASSES: dict[str, _Classes] = {
    STABLE_DIFFUSION_1.name: _Classes(BaseModel, configs.SD15, SD15_instructpix2pix, configs.SD15_instructpix2pix),
    STABLE_DIFFUSION_2.name: _Classes(BaseModel, configs.SD20),
    STABLE_DIFFUSION_2_UNCLIP.name: _Classes(SD21UNCLIP, configs.SD21UnclipH),
    STABLE_DIFFUSION_XL.name: _Classes(SDXL, configs.SDXL, SDXL_instructpix2pix, configs.SDXL_instructpix2pix),
    STABLE_DIFFUSION_XL_REFINER.name: _Classes(SDXLRefiner, configs.SDXLRefiner),
    UPSCALER.name: _Classes(SD_X4Upscaler, configs.SD_X4Upscaler),
}


def as_nodes_know_it(network: LatentDiffusionModel) -> BaseModel:
    """A loaded network in the class of its family."""
    classes = _CLASSES[network.family.name]
    editing = isinstance(network.concatenation, Editing)
    kind = config_class(network.family, network.unet.spec.adm_channels, editing)
    return (classes.editing_model if editing else classes.model)(network, config_of(network, kind))


def config_class(family: Family, vector_channels: int | None, editing: bool = False) -> type[BASE]:
    """The class that holds what is known of a model of a family."""
    classes = _CLASSES[family.name]
    if vector_channels == UNCLIP_L_VECTOR and classes.config is configs.SD21UnclipH:
        return configs.SD21UnclipL
    return (classes.editing_config or classes.config) if editing else classes.config
