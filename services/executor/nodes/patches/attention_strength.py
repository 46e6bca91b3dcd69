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


NODES: tuple[type, ...] = (UNetSelfAttentionMultiply, UNetCrossAttentionMultiply)
