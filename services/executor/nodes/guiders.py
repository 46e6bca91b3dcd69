"""Nodes that say how predictions under conditionings become the one that is followed."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.checkpoint_parts import held_model
from services.executor.patching import guider
from services.executor.patching.model_patcher import ModelPatcher

CFG = ("FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01})


class GuiderNode:
    """A node of a guider."""

    RETURN_TYPES = ("GUIDER",)
    FUNCTION = "get_guider"
    CATEGORY = "sampling/custom_sampling/guiders"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_custom_sampler"


class OneSided(guider.CFGGuider):
    """Follows the positive prediction alone."""

    def set_conds(self, positive: Conditioning, negative: Conditioning = ()) -> None:
        """Take the conditioning."""
        self.inner_set_conds({"positive": positive})


class BasicGuider(GuiderNode):
    """One conditioning is followed."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model and the conditioning."""
        return {"required": {"model": ("MODEL",), "conditioning": ("CONDITIONING",)}}

    def get_guider(self, model: ModelPatcher | None, conditioning: Conditioning) -> tuple[OneSided]:
        """Return the guider.

        Raises:
            ValueError: the model is missing.
        """
        made = OneSided(held_model(model))
        made.set_conds(conditioning)
        return (made,)


class CFGGuider(GuiderNode):
    """One conditioning is followed, away from another (classifier-free guidance)."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, both conditionings, and how far to go."""
        return {
            "required": {
                "model": ("MODEL",),
                "positive": ("CONDITIONING",),
                "negative": ("CONDITIONING",),
                "cfg": CFG,
            }
        }

    def get_guider(
        self, model: ModelPatcher | None, positive: Conditioning, negative: Conditioning, cfg: float
    ) -> tuple[guider.CFGGuider]:
        """Return the guider.

        Raises:
            ValueError: the model is missing.
        """
        made = guider.CFGGuider(held_model(model))
        made.set_conds(positive, negative)
        made.set_cfg(cfg)
        return (made,)


NODES: tuple[type, ...] = (BasicGuider, CFGGuider)
