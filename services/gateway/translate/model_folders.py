"""Models as ComfyUI's front ends know them."""

from __future__ import annotations

from typing import TypedDict

from services.files.models.kinds import FOLDERS, directories
from services.files.models.records import Model

#: What nobody chooses from.
_NO_CHOICE = ("configs",)


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


#: Texts that models have by the names of the model metadata standard (modelspec), beside any others.
ModelMetadata = TypedDict(
    "ModelMetadata",
    {
        "format": str,
        "modelspec.architecture": str,
        "modelspec.author": str,
        "modelspec.date": str,
        "modelspec.description": str,
        "modelspec.implementation": str,
        "modelspec.license": str,
        "modelspec.sai_model_spec": str,
        "modelspec.thumbnail": str,
        "modelspec.title": str,
    },
    total=False,
)


def described_folders() -> list[ModelFolder]:
    """The kinds that people choose from; where the directories lie on the server is nobody's business."""
    chosen = (folder for folder in FOLDERS if folder not in _NO_CHOICE)
    return [{"name": folder, "folders": [f"models/{it}" for it in directories(folder)]} for folder in chosen]


def described_model(model: Model) -> ModelFile:
    """A model as front ends know it."""
    changed = model.info.modified_at
    return ModelFile(
        name=model.name, pathIndex=model.directory_index, modified=changed, created=changed, size=model.info.size
    )
