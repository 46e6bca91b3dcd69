"""The parts of attentions made stronger and weaker, by factors of their weights."""

from __future__ import annotations

from typing import Any

from services.executor.nodes.declarations import number
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher

FACTOR = number(1.0, 0.0, 10.0, 0.01)
#: What is multiplied, by the input that says by how much.
WEIGHTS = {
    "q": ("to_q.weight",),
    "k": ("to_k.weight",),
    "v": ("to_v.weight",),
    "out": ("to_out.0.weight", "to_out.0.bias"),
}
#: The attentions of a block by what they are called elsewhere.
KINDS = {"self": "attn1", "cross": "attn2"}
#: In the names of the blocks whose attention is between the frames of a video.
BETWEEN_FRAMES = "time_stack"


class AttentionMultiplyNode(SchemaPatchNode):
    """A node that scales one kind of attention everywhere in the network."""

    CATEGORY = "_for_testing/attention_experiments"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_attention_multiply"
    ATTENTION = ""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and the factors of queries, keys, values and results."""
        return {"required": {"model": MODEL, **dict.fromkeys(WEIGHTS, FACTOR)}}

    def patch(self, model: ModelPatcher | None, **factors: float) -> tuple[ModelPatcher]:
        """Return the model with a copy of the weights that are changed.

        Raises:
            ValueError: the model is missing.
        """
        patched = copy_of(model)
        keys = patched.model_state_dict("diffusion_model.")
        for part, factor in factors.items():
            scaled = tuple(f".{self.ATTENTION}.{name}" for name in WEIGHTS[part])
            # Adding nothing of a weight to itself leaves the factor of what was there.
            values = {key: (weight,) for key, weight in keys.items() if key.endswith(scaled)}
            patched.add_patches(values, strength_patch=0.0, strength_model=factor)
        return (patched,)


class UNetSelfAttentionMultiply(AttentionMultiplyNode):
    """Attention of the features to themselves."""

    ATTENTION = "attn1"


class UNetCrossAttentionMultiply(AttentionMultiplyNode):
    """Attention of the features to the prompt."""

    ATTENTION = "attn2"


class UNetTemporalAttentionMultiply(SchemaPatchNode):
    """What attentions within frames and between them give to the features, in networks of videos."""

    CATEGORY = AttentionMultiplyNode.CATEGORY
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = AttentionMultiplyNode.RELATIVE_PYTHON_MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and the factors of its four kinds of attention."""
        kinds = (f"{attention}_{place}" for attention in KINDS for place in ("structural", "temporal"))
        return {"required": {"model": MODEL, **dict.fromkeys(kinds, FACTOR)}}

    def patch(self, model: ModelPatcher | None, **factors: float) -> tuple[ModelPatcher]:
        """Return the model with a copy of the weights that are changed.

        Raises:
            ValueError: the model is missing.
        """
        patched = copy_of(model)
        keys = patched.model_state_dict("diffusion_model.")
        for kind, factor in factors.items():
            attention, place = kind.split("_")
            results = tuple(f".{KINDS[attention]}.{name}" for name in WEIGHTS["out"])
            is_temporal = place == "temporal"
            found = [key for key in keys if key.endswith(results) and (BETWEEN_FRAMES in key) == is_temporal]
            patched.add_patches({key: (keys[key],) for key in found}, strength_patch=0.0, strength_model=factor)
        return (patched,)


NODES: tuple[type, ...] = (UNetSelfAttentionMultiply, UNetCrossAttentionMultiply, UNetTemporalAttentionMultiply)
