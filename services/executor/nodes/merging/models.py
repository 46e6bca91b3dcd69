"""Nodes that make one diffusion model of two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.executor.nodes.declarations import number
from services.executor.nodes.merging.mixing import everywhere, mixed_models
from services.executor.patching.model_patcher import ModelPatcher

MODELS = {"model1": ("MODEL",), "model2": ("MODEL",)}
RATIO = number(1.0, 0.0, 1.0, 0.01)
MULTIPLIER = number(1.0, -10.0, 10.0, 0.01)


class ModelMergeNode:
    """A node of two models; both stay as they were."""

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "merge"
    CATEGORY = "advanced/model_merging"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_model_merging"


class ModelMergeSimple(ModelMergeNode):
    """A weighted average."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The models, and how much of the first there is in the result."""
        return {"required": {**MODELS, "ratio": RATIO}}

    def merge(self, model1: ModelPatcher | None, model2: ModelPatcher | None, ratio: float) -> tuple[ModelPatcher]:
        """Return model1 * ratio + model2 * (1 - ratio).

        Raises:
            ValueError: a model is missing, or they have no weights in common.
        """
        return (mixed_models(model1, model2, everywhere(ratio, 1.0 - ratio)),)


class ModelMergeSubtract(ModelMergeNode):
    """A difference, to be added to another model."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The models, and what the difference is multiplied by."""
        return {"required": {**MODELS, "multiplier": MULTIPLIER}}

    def merge(self, model1: ModelPatcher | None, model2: ModelPatcher | None, multiplier: float) -> tuple[ModelPatcher]:
        """Return (model1 - model2) * multiplier; raises as `ModelMergeSimple`."""
        return (mixed_models(model1, model2, everywhere(multiplier, -multiplier)),)


class ModelMergeAdd(ModelMergeNode):
    """A sum."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The models."""
        return {"required": MODELS}

    def merge(self, model1: ModelPatcher | None, model2: ModelPatcher | None) -> tuple[ModelPatcher]:
        """Return model1 + model2; raises as `ModelMergeSimple`."""
        return (mixed_models(model1, model2, everywhere(1.0, 1.0)),)


class MergeByParts(ModelMergeNode):
    """A weighted average with a ratio for each part of the network; packs inherit from it with inputs of their own.

    Attributes:
        PARTS: the inputs: what the names of a part's weights begin with. The first is for weights of no part as well.
    """

    PARTS: Sequence[str] = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The models, and how much of the first there is in each part."""
        return {"required": {**MODELS, **dict.fromkeys(cls.PARTS, RATIO)}}

    def merge(self, model1: ModelPatcher | None, model2: ModelPatcher | None, **ratios: float) -> tuple[ModelPatcher]:
        """Return model1 * ratio + model2 * (1 - ratio) in each part; raises as `ModelMergeSimple`."""
        first = next(iter(ratios))

        def factors(name: str) -> tuple[float, float]:
            part = max((part for part in ratios if name.startswith(part)), key=len, default=first)
            return ratios[part], 1.0 - ratios[part]

        return (mixed_models(model1, model2, factors),)


class ModelMergeBlocks(MergeByParts):
    """A weighted average by the stages of a UNet; what is in none of them goes with the first."""

    PARTS = ("input", "middle", "out")


NODES: tuple[type, ...] = (ModelMergeSimple, ModelMergeSubtract, ModelMergeAdd, ModelMergeBlocks)
