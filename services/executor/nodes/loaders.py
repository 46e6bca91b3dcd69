"""Nodes that load models."""

from __future__ import annotations

from typing import Any

from services.executor.environment import environment

FOLDER = "checkpoints"


class CheckpointLoaderSimple:
    """The models in a checkpoint file."""

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    OUTPUT_TOOLTIPS = (
        "The model that denoises latents.",
        "The text encoder.",
        "The autoencoder between pictures and latents.",
    )
    FUNCTION = "load_checkpoint"
    CATEGORY = "loaders"
    DESCRIPTION = "Loads the diffusion model, the text encoder and the autoencoder of a checkpoint file."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name."""
        names = environment().model_names(FOLDER)
        return {"required": {"ckpt_name": (names, {"tooltip": "The checkpoint file to load."})}}

    def load_checkpoint(self, ckpt_name: str) -> tuple[Any, Any, Any]:
        """Return the models; None for what the file does not hold.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it cannot be used.
        """
        here = environment()
        models = here.checkpoints.get(here.models.path(FOLDER, ckpt_name))
        return models.model, models.clip, models.vae
