"""Nodes that load the parts of a model from files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from services.executor.diffusion.checkpoints.taesd import joined
from services.executor.diffusion.checkpoints.weights_file import named_weights
from services.executor.diffusion.models.pixel_space import MARKER
from services.executor.environment import Environment, environment
from services.executor.nodes.declarations import chosen
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.vae import VAE

#: What weights are stored in; "fast" of ComfyUI multiplies in 8 bits as well, which would be another picture.
WEIGHT_DTYPES: Mapping[str, torch.dtype | None] = {
    "default": None,
    "fp8_e4m3fn": torch.float8_e4m3fn,
    "fp8_e4m3fn_fast": torch.float8_e4m3fn,
    "fp8_e5m2": torch.float8_e5m2,
}
#: The families of text encoders, as their nodes call them.
SINGLE = "stable_diffusion"
SINGLE_TYPES = (
    *(SINGLE, "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos", "lumina2", "wan"),
    *("hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image"),
)
PAIR = "sdxl"
PAIR_TYPES = (PAIR, "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image")

DEVICES: Mapping[str, str | None] = {"default": None, "cpu": "cpu"}
DEVICE = (list(DEVICES), {"advanced": True})

PIXEL_SPACE = "pixel_space"
APPROXIMATE = "vae_approx"
HALVES = ("encoder", "decoder")
#: Scale and shift of the latents of the families that have a tiny autoencoder, by the name of its files.
TINY: Mapping[str, tuple[float, float]] = {
    "taesd": (0.18215, 0.0),
    "taesdxl": (0.13025, 0.0),
    "taesd3": (1.5305, 0.0609),
    "taef1": (0.3611, 0.1159),
}


class PartLoader:
    """A node that loads a part."""

    CATEGORY = "advanced/loaders"


class UNETLoader(PartLoader):
    """The diffusion model in a file."""

    DISPLAY_NAME = "Load Diffusion Model"
    RETURN_TYPES = ("MODEL",)
    FUNCTION = "load_unet"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name, and what the weights are stored in."""
        names = environment().model_names("diffusion_models")
        return {"required": {"unet_name": (names,), "weight_dtype": (list(WEIGHT_DTYPES),)}}

    def load_unet(self, unet_name: str, weight_dtype: str) -> tuple[Any]:
        """Return it.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it cannot be used.
            ValueError: there is no such dtype.
        """
        here = environment()
        dtype = chosen(WEIGHT_DTYPES, weight_dtype, "weight_dtype")
        return (here.checkpoints.model(here.models.path("diffusion_models", unet_name), dtype),)


class CLIPLoader(PartLoader):
    """The text encoder in a file."""

    DISPLAY_NAME = "Load CLIP"
    RETURN_TYPES = ("CLIP",)
    FUNCTION = "load_clip"
    DESCRIPTION = "Loads a text encoder: CLIP's for Stable Diffusion 1, OpenCLIP's for 2 and for the XL refiner."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name, the family that it is for, and the device."""
        return {
            "required": {
                "clip_name": (environment().model_names("text_encoders"),),
                "type": (list(SINGLE_TYPES),),
            },
            "optional": {"device": DEVICE},
        }

    def load_clip(self, clip_name: str, type: str = SINGLE, device: str = "default") -> tuple[Any]:
        """Return it.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it cannot be used.
            ValueError: it is for a family that is not offered, or there is no such device.
        """
        return (_text_encoders([clip_name], type, SINGLE, SINGLE_TYPES, device),)


class DualCLIPLoader(PartLoader):
    """The text encoders in two files."""

    DISPLAY_NAME = "DualCLIPLoader"
    RETURN_TYPES = ("CLIP",)
    FUNCTION = "load_clip"
    DESCRIPTION = "Loads two text encoders: for Stable Diffusion XL CLIP's l and OpenCLIP's g, in any order."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The files' names, the family that they are for, and the device."""
        names = environment().model_names("text_encoders")
        return {
            "required": {"clip_name1": (names,), "clip_name2": (names,), "type": (list(PAIR_TYPES),)},
            "optional": {"device": DEVICE},
        }

    def load_clip(self, clip_name1: str, clip_name2: str, type: str, device: str = "default") -> tuple[Any]:
        """Return them; raises as `CLIPLoader` does."""
        return (_text_encoders([clip_name1, clip_name2], type, PAIR, PAIR_TYPES, device),)


def _text_encoders(names: list[str], family: str, offered: str, families: tuple[str, ...], device: str) -> Any:
    if family not in families:
        raise ValueError(f"type: {family!r} is not one of {', '.join(families)}")
    if family != offered:
        raise ValueError(f"type: text encoders of {family} cannot be loaded here, only those of {offered}")
    here = environment()
    paths = [here.models.path("text_encoders", name) for name in names]
    place = chosen(DEVICES, device, "device")
    clip = here.checkpoints.clip(paths)
    if place is not None:
        clip.patcher = ModelPatcher(clip.cond_stage_model, torch.device(place))
    return clip


class VAELoader:
    """The autoencoder in a file."""

    DISPLAY_NAME = "Load VAE"
    RETURN_TYPES = ("VAE",)
    FUNCTION = "load_vae"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name, that of a tiny autoencoder whose two files are there, or none."""
        here = environment()
        tiny = [name for name in TINY if all(_tiny_file(here, name, half) for half in HALVES)]
        return {"required": {"vae_name": ([*here.model_names("vae"), *tiny, PIXEL_SPACE],)}}

    def load_vae(self, vae_name: str) -> tuple[Any]:
        """Return it.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it cannot be used.
        """
        here = environment()
        if vae_name == PIXEL_SPACE:
            return (VAE({MARKER: torch.tensor(1.0)}),)
        if vae_name in TINY and vae_name not in here.model_names("vae"):
            encoder, decoder = (_tiny_half(here, vae_name, half) for half in HALVES)
            return (VAE(joined(encoder, decoder, *TINY[vae_name])),)
        return (here.checkpoints.vae(here.models.path("vae", vae_name)),)


def _tiny_file(here: Environment, name: str, half: str) -> str | None:
    """The file of one half, None when it is not there."""
    return next((file for file in here.model_names(APPROXIMATE) if file.startswith(f"{name}_{half}.")), None)


def _tiny_half(here: Environment, name: str, half: str) -> dict[str, torch.Tensor]:
    file = _tiny_file(here, name, half) or f"{name}_{half}.safetensors"
    return named_weights(here.models.path(APPROXIMATE, file), "half of a tiny autoencoder")


NODES: tuple[type, ...] = (UNETLoader, CLIPLoader, DualCLIPLoader, VAELoader)
