"""`comfy.text_encoders.sd2_clip`: text encoder and tokenizer of Stable Diffusion 2, for packs that ask for them."""

from __future__ import annotations

from services.executor.patching.text_models import SD2ClipModel
from services.executor.patching.tokenizers import SD2Tokenizer

__all__ = ["SD2ClipModel", "SD2Tokenizer"]
