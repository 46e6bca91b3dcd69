"""ComfyUI's kinds of model, where they lie, which files count as models, and how they are described."""

from __future__ import annotations

import posixpath
from typing import TypedDict

from services.files.records import FileInfo

#: In the order in which ComfyUI names them.
FOLDERS = (
    "checkpoints",
    "configs",
    "loras",
    "vae",
    "text_encoders",
    "diffusion_models",
    "clip_vision",
    "style_models",
    "embeddings",
    "diffusers",
    "vae_approx",
    "controlnet",
    "gligen",
    "upscale_models",
    "hypernetworks",
    "photomaker",
    "classifiers",
    "model_patches",
    "audio_encoders",
)

#: Directories that hold a kind of model besides the one of its name, from times when it was called otherwise; executors
#: look there too.
_OLDER_NAMES = {"text_encoders": ("clip",), "diffusion_models": ("unet",), "controlnet": ("t2i_adapter",)}

#: What nobody chooses from.
_NO_CHOICE = ("configs",)

_PICTURES = (".webp", ".png", ".jpg", ".jpeg", ".gif")

_EXTENSIONS = (".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft")
_OTHER_EXTENSIONS = {"configs": (".yaml",), "classifiers": ("",)}


class ModelFolder(TypedDict):
    """A kind of model, and the directories that hold it."""

    name: str
    folders: list[str]


class ModelFile(TypedDict):
    """A model: which of the directories of its kind it is in, its size in bytes, its times in seconds."""

    name: str
    pathIndex: int
    modified: float
    created: float
    size: int


def directories(folder: str) -> tuple[str, ...]:
    """The directories in the folder of models that hold a kind of them, the first one that has a name counts."""
    return (folder, *_OLDER_NAMES.get(folder, ()))


def described_folders() -> list[ModelFolder]:
    """The kinds that people choose from; where the directories lie on the server is nobody's business."""
    chosen = (folder for folder in FOLDERS if folder not in _NO_CHOICE)
    return [{"name": folder, "folders": [f"models/{it}" for it in directories(folder)]} for folder in chosen]


def described_model(name: str, path_index: int, info: FileInfo) -> ModelFile:
    """A model as front ends know it."""
    return ModelFile(
        name=name, pathIndex=path_index, modified=info.modified_at, created=info.modified_at, size=info.size
    )


def pictures_of(name: str) -> list[str]:
    """What a picture of a model may be called: "cat.png" or "cat.preview.png" beside "cat.safetensors"."""
    stem, _ = posixpath.splitext(name)
    return [f"{stem}{middle}{extension}" for middle in ("", ".preview") for extension in _PICTURES]


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder that it is in, is hidden."""
    return any(part.startswith(".") for part in name.split("/"))


def is_model(folder: str, filename: str) -> bool:
    """Whether a file in a model folder is one of its models, going by its extension."""
    return filename.lower().endswith(_OTHER_EXTENSIONS.get(folder, _EXTENSIONS))
