"""Nodes of unCLIP models, which follow pictures; Stable Diffusion XL does too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.executor.diffusion.checkpoints.clip_vision import load_clip_vision_of
from services.executor.diffusion.conditioning import Conditioning
from services.executor.diffusion.unclip import PICTURES
from services.executor.environment import environment
from services.executor.nodes.declarations import given, number
from services.executor.nodes.loaders import FOLDER
from services.executor.patching.clip_vision import ClipVisionModel


class unCLIPCheckpointLoader:
    """The models in a checkpoint file, and the encoder that its model sees pictures with."""

    DISPLAY_NAME = "unCLIPCheckpointLoader"
    RETURN_TYPES: tuple[str, ...] = ("MODEL", "CLIP", "VAE", "CLIP_VISION")
    FUNCTION = "load_checkpoint"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name."""
        return {"required": {"ckpt_name": (environment().model_names(FOLDER),)}}

    def load_checkpoint(self, ckpt_name: str) -> tuple[Any, ...]:
        """Return model, CLIP, VAE and encoder of pictures; None for what the file does not hold.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it cannot be used.
        """
        here = environment()
        path = here.models.path(FOLDER, ckpt_name)
        models = here.checkpoints.get(path)
        return models.model, models.clip, models.vae, clip_vision_of(path)


class ImageOnlyCheckpointLoader(unCLIPCheckpointLoader):
    """The models in a checkpoint file that is told by pictures alone what to show."""

    DISPLAY_NAME = "Image Only Checkpoint Loader (img2vid model)"
    RETURN_TYPES = ("MODEL", "CLIP_VISION", "VAE")
    CATEGORY = "loaders/video_models"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_video_model"

    def load_checkpoint(self, ckpt_name: str) -> tuple[Any, ...]:
        """Return model, encoder of pictures and VAE; None for what the file does not hold. Raises as its base does."""
        model, _, vae, encoder = super().load_checkpoint(ckpt_name)
        return model, encoder, vae


def clip_vision_of(path: Path) -> ClipVisionModel | None:
    """The encoder of pictures in a checkpoint file, None where it has none.

    Raises:
        CheckpointError: not all of it is there.
    """
    network = load_clip_vision_of(path)
    return ClipVisionModel(network) if network else None


class unCLIPConditioning:
    """A picture that unCLIP models follow."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "apply_adm"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, what CLIP saw in the picture, how much it counts, and how far from it the result may be."""
        return {
            "required": {
                "conditioning": ("CONDITIONING",),
                "clip_vision_output": ("CLIP_VISION_OUTPUT",),
                "strength": number(1.0, -10.0, 10.0, 0.01),
                "noise_augmentation": number(0.0, 0.0, 1.0, 0.01),
            }
        }

    def apply_adm(
        self, conditioning: Conditioning, clip_vision_output: Any, strength: float, noise_augmentation: float
    ) -> tuple[Conditioning]:
        """Return the conditioning with the picture after those that it has; as it is at strength 0.

        Raises:
            ValueError: there is no picture, or no conditioning.
        """
        if strength == 0:
            return (conditioning,)
        picture = {
            "clip_vision_output": given(clip_vision_output, "clip_vision_output"),
            "strength": strength,
            "noise_augmentation": noise_augmentation,
        }
        return (
            [
                [embedding, {**options, PICTURES: [*options.get(PICTURES, []), picture]}]
                for embedding, options in given(conditioning, "conditioning")
            ],
        )


NODES: tuple[type, ...] = (unCLIPCheckpointLoader, ImageOnlyCheckpointLoader, unCLIPConditioning)
