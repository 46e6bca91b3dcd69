"""Nodes that set options which only some model families read."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.conditioning_regions import with_options
from services.executor.nodes.declarations import Declaration, number
from services.executor.nodes.latent import Latent
from services.executor.nodes.schema_node import SchemaNode, combo

CONDITIONING: Declaration = ("CONDITIONING", {})
REFERENCES = "reference_latents"
UNO = "uxo"  # what models call the method that two papers name differently


class OptionNode(SchemaNode):
    """A node that sets an option."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "execute"
    CATEGORY = "advanced/conditioning/flux"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_flux"


class FluxGuidance(OptionNode):
    """How strongly Flux follows the text by itself."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning and the guidance."""
        guidance = {"default": 3.5, "min": 0.0, "max": 100.0, "step": 0.1}
        return {"required": {"conditioning": CONDITIONING, "guidance": ("FLOAT", guidance)}}

    def execute(self, conditioning: Conditioning, guidance: float) -> tuple[Conditioning]:
        """Return the conditioning with its guidance."""
        return (with_options(conditioning, guidance=guidance),)


class FluxDisableGuidance(OptionNode):
    """Flux without guidance of its own."""

    DESCRIPTION = "Takes the guidance out, for models of the Flux family that were trained without it."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning."""
        return {"required": {"conditioning": CONDITIONING}}

    def execute(self, conditioning: Conditioning) -> tuple[Conditioning]:
        """Return the conditioning without guidance."""
        return (with_options(conditioning, guidance=None),)


class FluxKontextMultiReferenceLatentMethod(OptionNode):
    """How Flux Kontext tells several reference pictures apart."""

    EXPERIMENTAL = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning and the method."""
        method = combo("offset", "index", "uxo/uno")
        return {"required": {"conditioning": CONDITIONING, "reference_latents_method": method}}

    def execute(self, conditioning: Conditioning, reference_latents_method: str) -> tuple[Conditioning]:
        """Return the conditioning with the method."""
        method = UNO if UNO in reference_latents_method else reference_latents_method
        return (with_options(conditioning, reference_latents_method=method),)


class ReferenceLatent(OptionNode):
    """A picture for models that edit pictures to refer to."""

    CATEGORY = "advanced/conditioning/edit_models"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_edit_model"
    DESCRIPTION = (
        "Adds a latent that a model for editing looks at; several of these nodes after each other add several."
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning and the picture's latent."""
        return {"required": {"conditioning": CONDITIONING}, "optional": {"latent": ("LATENT", {})}}

    def execute(self, conditioning: Conditioning, latent: Latent | None = None) -> tuple[Conditioning]:
        """Return the conditioning with the latent after those that it has."""
        if latent is None:
            return (conditioning,)
        added = latent["samples"]
        return (
            [
                [embedding, {**options, REFERENCES: [*options.get(REFERENCES, []), added]}]
                for embedding, options in conditioning
            ],
        )


class StableCascade_StageB_Conditioning(OptionNode):
    """What stage B of Stable Cascade starts from."""

    CATEGORY = "conditioning/stable_cascade"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_stable_cascade"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning and the latent of stage C."""
        return {"required": {"conditioning": CONDITIONING, "stage_c": ("LATENT", {})}}

    def execute(self, conditioning: Conditioning, stage_c: Latent) -> tuple[Conditioning]:
        """Return the conditioning with the latent."""
        return (with_options(conditioning, stable_cascade_prior=stage_c["samples"]),)


class LTXVConditioning(SchemaNode):
    """How fast a video is, for LTX-Video."""

    RETURN_TYPES = ("CONDITIONING", "CONDITIONING")
    RETURN_NAMES = ("positive", "negative")
    OUTPUT_TOOLTIPS = (None, None)
    FUNCTION = "execute"
    CATEGORY = "conditioning/video_models"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_lt"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings and the frames a second."""
        frame_rate = number(25.0, 0.0, 1000.0, 0.01)
        return {"required": {"positive": CONDITIONING, "negative": CONDITIONING, "frame_rate": frame_rate}}

    def execute(
        self, positive: Conditioning, negative: Conditioning, frame_rate: float
    ) -> tuple[Conditioning, Conditioning]:
        """Return both with the frame rate."""
        return with_options(positive, frame_rate=frame_rate), with_options(negative, frame_rate=frame_rate)


NODES: tuple[type, ...] = (
    FluxGuidance,
    FluxDisableGuidance,
    FluxKontextMultiReferenceLatentMethod,
    ReferenceLatent,
    StableCascade_StageB_Conditioning,
    LTXVConditioning,
)
