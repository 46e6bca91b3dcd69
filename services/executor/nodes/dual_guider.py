"""Guidance by two positive conditionings, each with its own scale (Brooks et al. 2023, "InstructPix2Pix", 3.2.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.checkpoint_parts import held_model
from services.executor.nodes.guiders import CFG, GuiderNode
from services.executor.patching import guider
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.prediction import calc_cond_batch, cfg_function

STYLES = ("regular", "nested")


class DualGuidance(guider.CFGGuider):
    """Goes from the negative prediction to the middle one and on to the positive one.

    Attributes:
        cfg: the scale from the middle prediction to the positive one.
        outer_cfg: the scale from the negative prediction.
        nested: whether that leads to what the first scale gives, rather than to the middle prediction.
    """

    outer_cfg = 1.0
    nested = False

    def set_conds(self, positive: Conditioning, negative: Conditioning, middle: Conditioning = ()) -> None:
        """Take the conditionings."""
        self.inner_set_conds({"positive": positive, "middle": middle, "negative": negative})

    def predict_noise(
        self, x: Tensor, timestep: Tensor, model_options: Mapping[str, Any] = {}, seed: int | None = None
    ) -> Tensor:
        """The guided prediction of the clean latents of x at the noise levels `timestep` (batch,)."""
        optional = math.isclose(self.outer_cfg, 1.0) and not model_options.get("disable_cfg1_optimization", False)
        negative_conds = None if optional else self.conds["negative"]
        conds = [self.conds["positive"], self.conds["middle"], negative_conds]
        positive, middle, negative = calc_cond_batch(self.inner_model, conds, x, timestep, model_options)

        def guided(towards: Tensor, away: Tensor, scale: float, cond: Any, uncond: Any) -> Tensor:
            return cfg_function(
                self.inner_model, towards, away, scale, x, timestep, model_options, cond=cond, uncond=uncond
            )

        if self.nested:
            inner = guided(positive, middle, self.cfg, conds[0], conds[1])
            return guided(inner, negative, self.outer_cfg, conds[0], conds[2])
        return guided(middle, negative, self.outer_cfg, conds[1], conds[2]) + (positive - middle) * self.cfg


class DualCFGGuider(GuiderNode):
    """Two conditionings are followed, away from a third."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the conditionings, how far to go from the second to the first and from the third, and how."""
        return {
            "required": {
                "model": ("MODEL",),
                "cond1": ("CONDITIONING",),
                "cond2": ("CONDITIONING",),
                "negative": ("CONDITIONING",),
                "cfg_conds": CFG,
                "cfg_cond2_negative": CFG,
                "style": (STYLES,),
            }
        }

    def get_guider(
        self,
        model: ModelPatcher | None,
        cond1: Conditioning,
        cond2: Conditioning,
        negative: Conditioning,
        cfg_conds: float,
        cfg_cond2_negative: float,
        style: str,
    ) -> tuple[DualGuidance]:
        """Return the guider.

        Raises:
            ValueError: the model is missing, or the style is not known.
        """
        if style not in STYLES:
            raise ValueError(f"style: {style!r} is not one of {', '.join(STYLES)}")
        made = DualGuidance(held_model(model))
        made.set_conds(cond1, negative, cond2)
        made.set_cfg(cfg_conds)
        made.outer_cfg = cfg_cond2_negative
        made.nested = style == "nested"
        return (made,)


NODES: tuple[type, ...] = (DualCFGGuider,)
