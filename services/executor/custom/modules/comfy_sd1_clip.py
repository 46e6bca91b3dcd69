"""`comfy.sd1_clip`: text encoders and tokenizers, for packs that ask what they were given."""

from __future__ import annotations

from collections.abc import Mapping

from services.executor.diffusion.prompt_weights import escaped, restored, weigh
from services.executor.patching.text_models import SD1ClipModel, SDClipModel
from services.executor.patching.tokenizers import SD1Tokenizer, SDTokenizer

__all__ = ["SD1ClipModel", "SD1Tokenizer", "SDClipModel", "SDTokenizer", "token_weights"]


def token_weights(string: str, current_weight: float) -> list[tuple[str, float]]:
    """The parts of an escaped prompt with their weights, `current_weight` being that of what is in no parentheses."""
    return [(part.text, part.weight) for part in weigh(string, current_weight)]


def escape_important(text: str) -> str:
    """A prompt with other signs in place of its escaped parentheses."""
    return escaped(text)


def unescape_important(text: str) -> str:
    """A part of such a prompt with plain parentheses in their place."""
    return restored(text)


def gen_empty_tokens(special_tokens: Mapping[str, int | None], length: int) -> list[int]:
    """The tokens of an empty prompt: start and end, as far as there are such, then padding."""
    ends = [token for token in (special_tokens.get("start"), special_tokens.get("end")) if token is not None]
    padding = special_tokens.get("pad")
    return [*ends, *[0 if padding is None else padding] * (length - len(ends))]
