"""`comfy.sd1_clip`: text encoders and tokenizers, for packs that ask what they were given."""

from __future__ import annotations

from services.executor.diffusion.prompt_weights import weighted_parts
from services.executor.patching.text_models import SD1ClipModel, SDClipModel
from services.executor.patching.tokenizers import SD1Tokenizer, SDTokenizer

__all__ = ["SD1ClipModel", "SD1Tokenizer", "SDClipModel", "SDTokenizer", "token_weights"]


def token_weights(string: str, current_weight: float) -> list[tuple[str, float]]:
    """The parts of a prompt with their weights, `current_weight` being that of what has none."""
    return [(text, weight * current_weight) for text, weight in weighted_parts(string)]
