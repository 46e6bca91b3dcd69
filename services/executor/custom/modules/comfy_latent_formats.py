"""`comfy.latent_formats`: the latent spaces of model families."""

from __future__ import annotations

from services.executor.patching.latent_formats import (
    SC_B,
    SD3,
    SD15,
    SD_X4,
    SDXL,
    Flux,
    LatentFormat,
    SC_Prior,
    SDXL_Playground_2_5,
)

__all__ = ["SD3", "SD15", "SDXL", "SDXL_Playground_2_5", "SD_X4", "Flux", "LatentFormat", "SC_B", "SC_Prior"]
