"""The parts of a checkpoint that nodes are given: a file need not hold all of them."""

from __future__ import annotations

from typing import TypeVar

from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.vae import VAE

Part = TypeVar("Part")


def held(part: Part | None, name: str, kind: str = "such model") -> Part:
    """What a checkpoint has given to the input `name`.

    Raises:
        ValueError: it holds none.
    """
    if part is None:
        raise ValueError(f"{name}: the checkpoint holds no {kind}")
    return part


def held_model(model: ModelPatcher | None) -> ModelPatcher:
    """The diffusion model at the input of this name; raises as `held`."""
    return held(model, "model", "diffusion model")


def held_clip(clip: CLIP | None) -> CLIP:
    """The text encoder at the input of this name; raises as `held`."""
    return held(clip, "clip", "text encoder")


def held_vae(vae: VAE | None) -> VAE:
    """The autoencoder at the input of this name; raises as `held`."""
    return held(vae, "vae", "autoencoder")
