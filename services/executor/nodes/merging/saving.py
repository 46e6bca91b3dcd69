"""Nodes that keep models in files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from services.executor.diffusion.checkpoints.configuration import CONFIGURATION_KEY
from services.executor.diffusion.checkpoints.sampling_settings import MODEL_SPEC_KEYS
from services.executor.diffusion.checkpoints.writing import write_weights
from services.executor.diffusion.prediction import Epsilon, Velocity
from services.executor.engine.context import current_context
from services.executor.nodes.checkpoint_parts import held
from services.executor.nodes.filename_prefix import name_to_number
from services.executor.nodes.saving import HIDDEN
from services.executor.nodes.stored_files import workflow_texts
from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.stored import (
    StoredModel,
    encoder_names,
    sampling_of,
    stored_checkpoint,
    stored_encoder,
    stored_vae,
)
from services.executor.patching.vae import VAE
from services.files.records import FileKind

SUFFIX = ".safetensors"
UNNAMED_SIDE = 512  # stands for the size of the picture, which a model's name does not tell

#: What ModelSpec and ComfyUI call what a network predicts.
PREDICTIONS: Mapping[type, str] = {Epsilon: "epsilon", Velocity: "v"}

Extra = Mapping[str, Any] | None


class SavingNode:
    """A node that keeps models in the output folder, with the workflow inside."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "advanced/model_merging"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_model_merging"
    PARTS: Mapping[str, str] = {}
    PREFIX = ""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The models and what the file's name begins with."""
        parts = {name: (kind,) for name, kind in cls.PARTS.items()}
        return {"required": {**parts, "filename_prefix": ("STRING", {"default": cls.PREFIX})}, "hidden": HIDDEN}


class CheckpointSave(SavingNode):
    """A diffusion model, its text encoder and its autoencoder in one file."""

    DISPLAY_NAME = "Save Checkpoint"
    PARTS: Mapping[str, str] = {"model": "MODEL", "clip": "CLIP", "vae": "VAE"}
    PREFIX = "checkpoints/ComfyUI"

    def save(
        self,
        model: ModelPatcher | None,
        clip: CLIP | None,
        vae: VAE | None,
        filename_prefix: str,
        prompt: object = None,
        extra_pnginfo: Extra = None,
    ) -> dict[str, Any]:
        """Store them.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
            ResourceExhausted: the disk is full.
            ValueError: one of them is missing.
        """
        parts = held(model, "model"), held(clip, "clip"), held(vae, "vae")
        keep_checkpoint(*parts, filename_prefix, workflow_texts(prompt, extra_pnginfo))
        return {}


class ModelSave(SavingNode):
    """A diffusion model alone."""

    PARTS: Mapping[str, str] = {"model": "MODEL"}
    PREFIX = "diffusion_models/ComfyUI"

    def save(
        self, model: ModelPatcher | None, filename_prefix: str, prompt: object = None, extra_pnginfo: Extra = None
    ) -> dict[str, Any]:
        """Store it; raises as `CheckpointSave`."""
        keep_checkpoint(held(model, "model"), None, None, filename_prefix, workflow_texts(prompt, extra_pnginfo))
        return {}


class CLIPSave(SavingNode):
    """A text encoder; one that consists of several gets a file for each, named after it."""

    PARTS: Mapping[str, str] = {"clip": "CLIP"}
    PREFIX = "clip/ComfyUI"

    def save(
        self, clip: CLIP | None, filename_prefix: str, prompt: object = None, extra_pnginfo: Extra = None
    ) -> dict[str, Any]:
        """Store it; raises as `CheckpointSave`."""
        encoders = held(clip, "clip")
        for name in encoder_names(encoders):
            texts = workflow_texts(prompt, extra_pnginfo)
            keep(stored_encoder(encoders, name), f"{filename_prefix}_{name}", texts, {"format": "pt"})
        return {}


class VAESave(SavingNode):
    """An autoencoder."""

    PARTS: Mapping[str, str] = {"vae": "VAE"}
    PREFIX = "vae/ComfyUI_vae"

    def save(
        self, vae: VAE | None, filename_prefix: str, prompt: object = None, extra_pnginfo: Extra = None
    ) -> dict[str, Any]:
        """Store it; raises as `CheckpointSave`."""
        keep(stored_vae(held(vae, "vae"), prefix=""), filename_prefix, workflow_texts(prompt, extra_pnginfo))
        return {}


def keep_checkpoint(
    model: ModelPatcher, clip: CLIP | None, vae: VAE | None, prefix: str, texts: Mapping[str, Any]
) -> None:
    """Write what there is of a checkpoint as a new file, saying what it is."""
    prediction = PREDICTIONS.get(type(sampling_of(model).prediction))
    spec = {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": model.model.network.family.architecture,
        "modelspec.implementation": "sgm",
        "modelspec.title": prefix.rpartition("/")[2],
        **(dict.fromkeys(MODEL_SPEC_KEYS, prediction) if prediction else {}),
    }
    keep(stored_checkpoint(model, clip, vae), prefix, texts, spec)


def keep(stored: StoredModel, prefix: str, texts: Mapping[str, Any], spec: Mapping[str, str] | None = None) -> None:
    """Write a new file, numbered after those that are there; it is put together on the disk and not in memory."""
    here = current_context()
    place = name_to_number(FileKind.OUTPUT, prefix, UNNAMED_SIDE, UNNAMED_SIDE, datetime.now())
    metadata = {**(spec or {}), **{key: json.dumps(value) for key, value in texts.items()}}
    if stored.configuration:
        metadata[CONFIGURATION_KEY] = json.dumps(stored.configuration)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        write_weights(path, stored.weights, metadata, before_each=here.raise_if_interrupted)
        here.files.save_file(place.kind, place.subfolder, place.filename, SUFFIX, path)


NODES: tuple[type, ...] = (CheckpointSave, ModelSave, CLIPSave, VAESave)
