"""`comfy.supported_models`: what was read from a file about a model, by family.

Of the families that cannot be loaded there are the names, so that packs can ask whether something is one of them.
"""

from __future__ import annotations

from services.executor.custom.modules.later_families import later as _later
from services.executor.patching.model_config import (
    BASE,
    SD15,
    SD20,
    SDXL,
    SD15_instructpix2pix,
    SD21UnclipH,
    SD21UnclipL,
    SD_X4Upscaler,
    SDXL_instructpix2pix,
    SDXLRefiner,
)

__all__ = [
    "SD15",
    "SD20",
    "SDXL",
    "SD15_instructpix2pix",
    "SD_X4Upscaler",
    "SD21UnclipH",
    "SD21UnclipL",
    "SDXLRefiner",
    "SDXL_instructpix2pix",
    "models",
]

models = [
    *(SD15_instructpix2pix, SD15, SD20, SD21UnclipL, SD21UnclipH),
    *(SDXL_instructpix2pix, SDXLRefiner, SDXL, SD_X4Upscaler),
]

_LATER = (
    *("SSD1B", "Segmind_Vega", "KOALA_700M", "KOALA_1B", "SVD_img2vid", "SV3D_u", "SV3D_p", "SD3"),
    *("Stable_Zero123", "Stable_Cascade_C", "Stable_Cascade_B", "AuraFlow", "PixArtAlpha", "PixArtSigma", "HunyuanDiT"),
    *("Flux", "FluxInpaint", "FluxSchnell", "Mochi", "LTXV", "HunyuanVideo", "Lumina2", "WAN21_T2V", "WAN21_I2V"),
    *("HiDream", "Chroma", "QwenImage", "StableAudio", "ACEStep", "Omnigen2", "CosmosT2V", "CosmosI2V"),
)
globals().update(_later(_LATER, BASE))
