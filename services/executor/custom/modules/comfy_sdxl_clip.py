"""`comfy.sdxl_clip`: text encoders and tokenizers of Stable Diffusion XL, for packs that ask what they were given."""

from __future__ import annotations

from services.executor.custom.modules.later_families import later as _later
from services.executor.patching.text_models import SDClipModel, SDXLClipModel, SDXLRefinerClipModel
from services.executor.patching.tokenizers import SDTokenizer, SDXLTokenizer

__all__ = ["SDClipModel", "SDTokenizer", "SDXLClipModel", "SDXLRefinerClipModel", "SDXLTokenizer"]

globals().update(_later(("SDXLClipG", "SDXLClipGTokenizer", "StableCascadeClipModel", "StableCascadeTokenizer")))
