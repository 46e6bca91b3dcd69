"""What `comfy_extras.nodes_model_merging` holds beside its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.executor.nodes.merging.saving import keep_checkpoint
from services.executor.nodes.stored_files import workflow_texts
from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.vae import VAE


def save_checkpoint(
    model: ModelPatcher,
    clip: CLIP | None = None,
    vae: VAE | None = None,
    clip_vision: Any = None,
    filename_prefix: str = "checkpoints/ComfyUI",
    output_dir: Any = None,
    prompt: object = None,
    extra_pnginfo: Mapping[str, Any] | None = None,
) -> None:
    """Save the models that there are as a file in the output folder; `output_dir` is not needed.

    Raises:
        ValueError: a network for pictures is to be saved with them.
    """
    if clip_vision is not None:
        raise ValueError("clip_vision: this platform saves no such network in a checkpoint")
    keep_checkpoint(model, clip, vae, filename_prefix, workflow_texts(prompt, extra_pnginfo))
