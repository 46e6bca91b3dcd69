"""Nodes that apply LoRA files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.environment import environment
from services.executor.nodes.checkpoint_parts import held_model
from services.executor.patching.lora import load_lora, with_lora
from services.executor.patching.model_patcher import ModelPatcher

FOLDER = "loras"
_STRENGTH = {"default": 1.0, "min": -100.0, "max": 100.0, "step": 0.01}


class LoraLoader:
    """A model and a text encoder with the changes of a LoRA."""

    DISPLAY_NAME = "Load LoRA"
    RETURN_TYPES = ("MODEL", "CLIP")
    OUTPUT_TOOLTIPS = ("The model with the changes.", "The text encoder with the changes.")
    FUNCTION = "load_lora"
    CATEGORY = "loaders"
    DESCRIPTION = "Changes the weights of a model and of its text encoder by what a LoRA file holds."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What is changed, the file's name, and how much of it is added."""
        names = environment().model_names(FOLDER)
        return {
            "required": {
                "model": ("MODEL", {"tooltip": "The model to change."}),
                "clip": ("CLIP", {"tooltip": "The text encoder to change."}),
                "lora_name": (names, {"tooltip": "The LoRA file."}),
                "strength_model": (
                    "FLOAT",
                    {**_STRENGTH, "tooltip": "How much of it the model gets."},
                ),
                "strength_clip": ("FLOAT", {**_STRENGTH, "tooltip": "How much of it the text encoder gets."}),
            }
        }

    def load_lora(
        self, model: Any, clip: Any, lora_name: str, strength_model: float, strength_clip: float
    ) -> tuple[Any, Any]:
        """Return both with the changes.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it is no LoRA.
        """
        if strength_model == 0 and strength_clip == 0:
            return model, clip
        path = environment().models.path(FOLDER, lora_name)
        return with_lora(model, clip, load_lora(path), strength_model, strength_clip, lora_name)


class LoraLoaderModelOnly(LoraLoader):
    """A model with the changes of a LoRA; ComfyUI's has the tooltips of `LoraLoader`'s two outputs, and so has this."""

    DISPLAY_NAME = "LoraLoaderModelOnly"
    RETURN_TYPES = ("MODEL",)  # type: ignore[assignment]
    FUNCTION = "load_lora_model_only"
    DESCRIPTION = "Changes the weights of a model by what a LoRA file holds, and no text encoder."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What is changed, the file's name, and how much of it is added."""
        names = environment().model_names(FOLDER)
        return {"required": {"model": ("MODEL",), "lora_name": (names,), "strength_model": ("FLOAT", _STRENGTH)}}

    def load_lora_model_only(self, model: Any, lora_name: str, strength_model: float) -> tuple[Any]:
        """Return it with the changes; raises as `LoraLoader` does."""
        return (self.load_lora(model, None, lora_name, strength_model, 0.0)[0],)


class LoraModelLoader:
    """A model with the changes of a LoRA that another node has made."""

    DISPLAY_NAME = "Load LoRA Model"
    RETURN_TYPES = ("MODEL",)
    OUTPUT_TOOLTIPS = ("The model with the changes.",)
    FUNCTION = "load_lora_model"
    CATEGORY = "loaders"
    DESCRIPTION = "Changes the weights of a model by a LoRA that comes from a node, such as one that trains."
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_train"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What is changed, by what, and how much of it is added."""
        return {
            "required": {
                "model": ("MODEL", {"tooltip": "The model to change."}),
                "lora": ("LORA_MODEL", {"tooltip": "The LoRA."}),
                "strength_model": ("FLOAT", {**_STRENGTH, "tooltip": "How much of it the model gets."}),
            }
        }

    def load_lora_model(
        self, model: ModelPatcher | None, lora: Mapping[str, Tensor], strength_model: float
    ) -> tuple[ModelPatcher | None]:
        """Return it with the changes.

        Raises:
            ValueError: the model is missing.
        """
        model = held_model(model)
        return (model if strength_model == 0 else with_lora(model, None, lora, strength_model, 0.0)[0],)


NODES: tuple[type, ...] = (LoraLoader, LoraLoaderModelOnly, LoraModelLoader)
