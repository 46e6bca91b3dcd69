"""What nodes that change a MODEL have in common."""

from __future__ import annotations

from typing import Any

from services.executor.nodes.checkpoint_parts import held_model
from services.executor.nodes.declarations import Declaration
from services.executor.nodes.schema_node import SchemaNode
from services.executor.patching.model_patcher import ModelPatcher

MODEL: Declaration = ("MODEL", {})


class ModelPatchNode:
    """A node of a changed model; what it is given stays as it was."""

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "patch"


class SchemaPatchNode(ModelPatchNode, SchemaNode):
    """The same, declared by the newer schema."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model alone."""
        return {"required": {"model": MODEL}}


def copy_of(model: ModelPatcher | None) -> ModelPatcher:
    """The model with a copy of its changes, to which more can be added.

    Raises:
        ValueError: the model is missing.
    """
    return held_model(model).clone()


def is_guided(told: dict[str, Any]) -> bool:
    """Whether there are two sides to guide between, of what a `sampler_pre_cfg_function` is told."""
    return told["cond_scale"] != 0 and all(side is not None for side in told["conds"][:2])
