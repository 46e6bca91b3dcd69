"""Nodes that give a model the noise levels of a rectified flow, moved towards more noise by a shift.

Esser et al. 2024, "Scaling Rectified Flow Transformers", https://arxiv.org/abs/2403.03206, 5.3.2.
"""

from __future__ import annotations

from typing import Any

from services.executor.nodes.declarations import Declaration, number, side
from services.executor.nodes.flow_shift import shift_at, video_shift
from services.executor.nodes.latent import Latent
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.nodes.patches.sampling_levels import SamplingLevelsNode
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.model_sampling import CONST, ModelSamplingDiscreteFlow, ModelSamplingFlux

#: Pixels of a picture that are one token to the network of FLUX.
TOKEN_PIXELS = 16 * 16
#: Tokens at which the least shift and the largest one are meant.
FLUX_TOKENS = 256, 4096


class _DiscreteFlow(ModelSamplingDiscreteFlow, CONST):
    """Levels of a flow, and what its network predicts."""


class _ExponentialFlow(ModelSamplingFlux, CONST):
    """Levels of a flow with an exponential shift, and what its network predicts."""


class FlowNode(SamplingLevelsNode):
    """A node of a shift that is given; times are seen by the network in units of 1 / MULTIPLIER."""

    MULTIPLIER = 1000.0
    SHIFT = 3.0

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model and the shift."""
        return {"required": {"model": ("MODEL",), "shift": number(cls.SHIFT, 0.0, 100.0, 0.01)}}

    def patch(self, model: ModelPatcher | None, shift: float) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing, or the shift is not above zero.
        """
        if shift <= 0:
            raise ValueError("shift: must be above zero")
        patched = copy_of(model)
        levels = _DiscreteFlow(patched.model.model_config)
        levels.set_parameters(shift=shift, multiplier=self.MULTIPLIER)
        patched.add_object_patch("model_sampling", levels)
        return (patched,)


class ModelSamplingSD3(FlowNode):
    """Levels of Stable Diffusion 3."""


class ModelSamplingAuraFlow(FlowNode):
    """Levels of AuraFlow, whose network is given the time itself."""

    MULTIPLIER = 1.0
    SHIFT = 1.73
    FUNCTION = "patch_aura"

    def patch_aura(self, model: ModelPatcher | None, shift: float) -> tuple[ModelPatcher]:
        """Return the model; raises as `patch`."""
        return self.patch(model, shift)


def with_exponential_shift(model: ModelPatcher | None, shift: float) -> ModelPatcher:
    """The model with levels of such a flow.

    Raises:
        ValueError: the model is missing.
    """
    patched = copy_of(model)
    levels = _ExponentialFlow(patched.model.model_config)
    levels.set_parameters(shift=shift)
    patched.add_object_patch("model_sampling", levels)
    return patched


def _shifts(largest: float, least: float) -> dict[str, Declaration]:
    return {"max_shift": number(largest, 0.0, 100.0, 0.01), "base_shift": number(least, 0.0, 100.0, 0.01)}


class ModelSamplingFluxNode(SamplingLevelsNode):
    """Levels of FLUX, which depend on the size of the picture."""

    NODE_ID = "ModelSamplingFlux"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the shifts of the largest and the smallest pictures, and the size."""
        size = {"width": side(1024, 16, 8), "height": side(1024, 16, 8)}
        return {"required": {"model": ("MODEL",), **_shifts(1.15, 0.5), **size}}

    def patch(
        self, model: ModelPatcher | None, max_shift: float, base_shift: float, width: int, height: int
    ) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing, or the picture is too large for its shift to be a number.
        """
        shift = shift_at(width * height / TOKEN_PIXELS, base_shift, max_shift, FLUX_TOKENS)
        return (with_exponential_shift(model, shift),)


class ModelSamplingLTXV(SchemaPatchNode):
    """Levels of LTX-Video, which depend on the length and the size of the video."""

    CATEGORY = "advanced/model"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_lt"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the shifts of large and small videos, and the video; without one it is a large one."""
        return {"required": {"model": MODEL, **_shifts(2.05, 0.95)}, "optional": {"latent": ("LATENT", {})}}

    def patch(
        self, model: ModelPatcher | None, max_shift: float, base_shift: float, latent: Latent | None = None
    ) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing, or the video is too large for its shift to be a number.
        """
        return (with_exponential_shift(model, video_shift(latent, base_shift, max_shift)),)


NODES: tuple[type, ...] = (ModelSamplingSD3, ModelSamplingAuraFlow, ModelSamplingFluxNode, ModelSamplingLTXV)
