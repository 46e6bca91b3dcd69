"""Guidance away from that part alone of the negative prompt that does not lie along the positive one (Armandpour et al.
2023, "Re-imagine the Negative Prompt Algorithm")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.checkpoint_parts import held_model
from services.executor.nodes.declarations import Declaration, number
from services.executor.nodes.guiders import CFG
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.nodes.patches.projection import part_along
from services.executor.nodes.schema_node import SchemaNode
from services.executor.patching import guider
from services.executor.patching.conds import convert_cond, encode_model_conds
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.prediction import calc_cond_batch, cfg_function

CONDITIONING: Declaration = ("CONDITIONING", {})
NEGATIVE_SCALE = number(1.0, 0.0, 100.0, 0.01)
MODULE = "comfy_extras.nodes_perpneg"


def perpendicular(positive: Tensor, negative: Tensor, empty: Tensor, scale: float, negative_scale: float) -> Tensor:
    """The guided prediction out of those under both prompts and under none."""
    towards, away = positive - empty, negative - empty
    aside = away - part_along(away, towards)
    return empty + (towards - aside * negative_scale) * scale


class PerpNeg(SchemaPatchNode):
    """A model that is guided so wherever it is sampled from."""

    DISPLAY_NAME = "Perp-Neg (DEPRECATED by PerpNegGuider)"
    CATEGORY = "_for_testing"
    EXPERIMENTAL = True
    DEPRECATED = True
    RELATIVE_PYTHON_MODULE = MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the conditioning of no prompt, and a factor of the negative one."""
        return {"required": {"model": MODEL, "empty_conditioning": CONDITIONING, "neg_scale": NEGATIVE_SCALE}}

    def patch(
        self, model: ModelPatcher | None, empty_conditioning: Conditioning, neg_scale: float
    ) -> tuple[ModelPatcher]:
        """Return the model; each step runs the network once more.

        Raises:
            ValueError: the model is missing.
        """
        conds = convert_cond(empty_conditioning)

        def difference(told: dict[str, Any]) -> Tensor:
            network, noisy = told["model"], told["input"]
            encoded = encode_model_conds(network.extra_conds, conds, noisy, noisy.device, "negative")
            (empty,) = calc_cond_batch(network, [encoded], noisy, told["sigma"], told["model_options"])
            sides = told["cond_denoised"], told["uncond_denoised"], empty
            difference: Tensor = noisy - perpendicular(*sides, told["cond_scale"], neg_scale)
            return difference

        patched = copy_of(model)
        patched.set_model_sampler_cfg_function(difference)
        return (patched,)


class Perpendicular(guider.CFGGuider):
    """Follows three conditionings: the positive one, the negative one, and that of no prompt."""

    neg_scale = 1.0

    def set_conds(self, positive: Conditioning, negative: Conditioning, empty: Conditioning = ()) -> None:
        """Take the conditionings."""
        self.inner_set_conds({"positive": positive, "negative": negative, "empty_negative_prompt": empty})

    def predict_noise(
        self, x: Tensor, timestep: Tensor, model_options: Mapping[str, Any] = {}, seed: int | None = None
    ) -> Tensor:
        """The guided prediction of the clean latents of x at the noise levels `timestep` (batch,)."""
        conds = [self.conds[name] for name in ("positive", "negative", "empty_negative_prompt")]
        positive, negative, empty = calc_cond_batch(self.inner_model, conds, x, timestep, model_options)

        def difference(told: dict[str, Any]) -> Tensor:
            return x - perpendicular(positive, negative, empty, self.cfg, self.neg_scale)

        options = {**model_options, "sampler_cfg_function": difference}
        sides = positive, negative, self.cfg
        return cfg_function(self.inner_model, *sides, x, timestep, options, cond=conds[0], uncond=conds[1])


class PerpNegGuider(SchemaNode):
    """A guider of this kind."""

    RETURN_TYPES = ("GUIDER",)
    FUNCTION = "get_guider"
    CATEGORY = "_for_testing"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = MODULE

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the conditionings, how far to go, and a factor of the negative one."""
        return {
            "required": {
                "model": MODEL,
                "positive": CONDITIONING,
                "negative": CONDITIONING,
                "empty_conditioning": CONDITIONING,
                "cfg": CFG,
                "neg_scale": NEGATIVE_SCALE,
            }
        }

    def get_guider(
        self,
        model: ModelPatcher | None,
        positive: Conditioning,
        negative: Conditioning,
        empty_conditioning: Conditioning,
        cfg: float,
        neg_scale: float,
    ) -> tuple[Perpendicular]:
        """Return the guider.

        Raises:
            ValueError: the model is missing.
        """
        made = Perpendicular(held_model(model))
        made.set_conds(positive, negative, empty_conditioning)
        made.set_cfg(cfg)
        made.neg_scale = neg_scale
        return (made,)


NODES: tuple[type, ...] = (PerpNeg, PerpNegGuider)
