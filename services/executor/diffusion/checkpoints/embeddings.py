"""Reading textual inversions: the vectors that stand for a word of their own in prompts.

Gal et al., "An Image is Worth One Word", https://arxiv.org/abs/2208.01618. The files have the layouts of the programs
that train them: `emb_params`, `string_to_param`, or one tensor under the word itself; those for the two text encoders
of Stable Diffusion XL are under `clip_l` and `clip_g`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.weights_file import load_weights_file


def load_embedding(path: Path, encoder: str) -> Tensor:
    """The vectors (count, width) float32 for a text encoder ("l") in a file, or the only ones there are.

    Other formats than safetensors are read without running their code.

    Raises:
        CheckpointError: the file is damaged, or holds no vectors.
    """
    content = load_weights_file(path, "a textual inversion")
    vectors = _vectors(content, f"clip_{encoder}")
    if vectors is None:
        raise CheckpointError(f"{path.name} is not a textual inversion: it holds no vectors of one width")
    return vectors.float()


def _vectors(content: Any, wanted: str) -> Tensor | None:
    """The first tensor of one or two dimensions, under the name that is wanted, one that is known, or any other."""
    if isinstance(content, Tensor) and 1 <= content.dim() <= 2 and content.is_floating_point():
        return content.reshape(-1, content.shape[-1])
    if isinstance(content, Mapping):
        known = [content[key] for key in (wanted, "string_to_param", "emb_params") if key in content]
        return next(
            (found for value in known or content.values() if (found := _vectors(value, wanted)) is not None), None
        )
    return None
