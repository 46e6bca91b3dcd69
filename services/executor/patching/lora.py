"""LoRA files over a MODEL and a CLIP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.weights_file import named_weights
from services.executor.patching.adapter_names import TEXT_BEGINNINGS, text_names, unet_names
from services.executor.patching.adapter_patches import patches_for
from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher

logger = logging.getLogger(__name__)


def load_lora(path: Path) -> dict[str, Tensor]:
    """The tensors of a LoRA file, by name.

    Raises:
        CheckpointError: the file is damaged, or holds no tensors by name.
    """
    tensors = named_weights(path, "a LoRA")
    if not tensors:
        raise CheckpointError(f"{path.name} is not a LoRA: it holds no tensors by name")
    return tensors


def with_lora(
    model: ModelPatcher | None,
    clip: CLIP | None,
    tensors: Mapping[str, Tensor],
    strength_model: float,
    strength_clip: float,
    name: str = "the LoRA",
) -> tuple[ModelPatcher | None, CLIP | None]:
    """Clones of both with the changes of a LoRA, as much of it as they have weights for; the rest is warned of once."""
    used: set[str] = set()
    if model is not None:
        model = model.clone()
        names = unet_names(model.model)
        model.add_patches(patches_for(tensors, names, model.model, used), strength_model)
    if clip is not None:
        clip = clip.clone()
        names = text_names(clip.cond_stage_model)
        clip.add_patches(patches_for(tensors, names, clip.cond_stage_model, used), strength_clip)
    expected = [key for key in tensors if clip is not None or not key.startswith(TEXT_BEGINNINGS)]
    unused = [key for key in expected if key not in used]
    if unused:
        logger.warning(
            "%s: %d of %d keys match no weight and are left out, such as %s",
            *(name, len(unused), len(expected), unused[0]),
        )
    return model, clip
