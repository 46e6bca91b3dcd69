"""`comfy.model_base`: what a MODEL holds, by family.

Of the families that cannot be loaded yet there are the names, so that packs can ask whether a model is one of them.
"""

from __future__ import annotations

from services.executor.custom.modules.later_families import later as _later
from services.executor.patching.base_model import BaseModel, ModelType
from services.executor.patching.model_families import (
    IP2P,
    SD21UNCLIP,
    SDXL,
    SD15_instructpix2pix,
    SD_X4Upscaler,
    SDXL_instructpix2pix,
    SDXLRefiner,
)

__all__ = [
    "IP2P",
    "SD21UNCLIP",
    "SDXL",
    "BaseModel",
    "ModelType",
    "SD15_instructpix2pix",
    "SD_X4Upscaler",
    "SDXLRefiner",
    "SDXL_instructpix2pix",
]

_LATER = (
    *("SVD_img2vid", "SV3D_u", "SV3D_p"),
    *("StableCascade_C", "StableCascade_B", "SD3", "AuraFlow", "PixArt", "Flux"),
    *("HunyuanDiT", "HunyuanVideo", "LTXV", "Lumina2", "WAN21", "HiDream", "Chroma", "QwenImage", "StableAudio1"),
)
globals().update(_later(_LATER, BaseModel))
