"""`comfy.ldm.modules.diffusionmodules.openaimodel`: the UNet and what it is made of, for packs that look for parts."""

from __future__ import annotations

from services.executor.diffusion.models.unet_blocks import Downsample, ResBlock, Upsample
from services.executor.patching.base_model import UNetModel

__all__ = ["Downsample", "ResBlock", "UNetModel", "Upsample"]
