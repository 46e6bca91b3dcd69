"""The node that makes the attention of text encoders stronger and weaker."""

from __future__ import annotations

from typing import Any

from services.executor.nodes.checkpoint_parts import held_clip
from services.executor.nodes.declarations import number
from services.executor.nodes.schema_node import SchemaNode
from services.executor.patching.clip import CLIP

PARTS = ("q", "k", "v", "out")


class CLIPAttentionMultiply(SchemaNode):
    """Text encoders whose attention is scaled by factors of its weights."""

    RETURN_TYPES = ("CLIP",)
    FUNCTION = "patch"
    CATEGORY = "_for_testing/attention_experiments"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_attention_multiply"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The encoders, and the factors of queries, keys, values and results."""
        return {"required": {"clip": ("CLIP", {}), **dict.fromkeys(PARTS, number(1.0, 0.0, 10.0, 0.01))}}

    def patch(self, clip: CLIP | None, **factors: float) -> tuple[CLIP]:
        """Return the encoders with a copy of the weights that are changed.

        Raises:
            ValueError: they are missing.
        """
        patched = held_clip(clip).clone()
        keys = patched.patcher.model_state_dict()
        for part, factor in factors.items():
            # Adding nothing of a weight to itself leaves the factor of what was there.
            values = {key: (weight,) for key, weight in keys.items() if f".self_attn.{part}_proj." in key}
            patched.add_patches(values, strength_patch=0.0, strength_model=factor)
        return (patched,)


NODES: tuple[type, ...] = (CLIPAttentionMultiply,)
