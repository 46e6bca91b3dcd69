"""ComfyUI's kinds of model: what they are called, in which directories they lie, which files are models."""

from __future__ import annotations

import os
import posixpath

#: In the order in which ComfyUI names them.
FOLDERS = (
    *("checkpoints", "configs", "loras", "vae", "text_encoders", "diffusion_models", "clip_vision", "style_models"),
    *("embeddings", "diffusers", "vae_approx", "controlnet", "gligen", "upscale_models", "hypernetworks", "photomaker"),
    *("classifiers", "model_patches", "audio_encoders"),
)

#: Directories that hold a kind of model besides the one of its name, from times when it was called otherwise.
OLDER_NAMES = {"text_encoders": ("clip",), "diffusion_models": ("unet",), "controlnet": ("t2i_adapter",)}

#: What a kind was called in older times.
ALIASES = {"unet": "diffusion_models", "clip": "text_encoders"}

#: What files of weights end with; which of them can be loaded is the loader's business.
EXTENSIONS = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".bin", ".pth", ".pkl"})

#: Of these, those that are pickled, and so can hold code.
PICKLED = frozenset({".ckpt", ".pt", ".pt2", ".bin", ".pth", ".pkl"})

#: Kinds whose files are not weights.
OTHER_EXTENSIONS = {"configs": frozenset({".yaml"}), "diffusers": frozenset({"folder"}), "classifiers": frozenset({""})}

_PICTURES = (".webp", ".png", ".jpg", ".jpeg", ".gif")


def directories(folder: str) -> tuple[str, ...]:
    """The directories in a folder of models that hold a kind of them; the first one that has a name counts."""
    return (folder, *OLDER_NAMES.get(folder, ()))


def extensions(folder: str) -> frozenset[str]:
    """What the files of a kind end with."""
    return OTHER_EXTENSIONS.get(folder, EXTENSIONS)


def is_model(folder: str, filename: str) -> bool:
    """Whether a file may be a model of a kind, going by its extension."""
    return os.path.splitext(filename)[1].lower() in extensions(folder)


def is_hidden(name: str) -> bool:
    """Whether a file, or a directory that it is in, is hidden."""
    return any(part.startswith(".") for part in name.split("/"))


def pictures_of(name: str) -> list[str]:
    """What a picture of a model may be called: "cat.png" or "cat.preview.png" beside "cat.safetensors"."""
    stem, _ = posixpath.splitext(name)
    return [f"{stem}{middle}{extension}" for middle in ("", ".preview") for extension in _PICTURES]
