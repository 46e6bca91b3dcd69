"""Nodes that give a model other noise levels, and another meaning of what its network predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.executor.nodes.declarations import chosen
from services.executor.nodes.patches.model_patch import ModelPatchNode, copy_of
from services.executor.patching.distilled import LCM, ModelSamplingDiscreteDistilled
from services.executor.patching.latent_formats import SDXL_Playground_2_5
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.model_sampling import (
    EDM,
    EPS,
    IMG_TO_IMG,
    V_PREDICTION,
    X0,
    ModelSamplingContinuousEDM,
    ModelSamplingContinuousV,
    ModelSamplingDiscrete,
)

#: Levels, and what is predicted, by what the node calls them.
DISCRETE: Mapping[str, tuple[type[Any], type[Any]]] = {
    "eps": (ModelSamplingDiscrete, EPS),
    "v_prediction": (ModelSamplingDiscrete, V_PREDICTION),
    "lcm": (ModelSamplingDiscreteDistilled, LCM),
    "x0": (ModelSamplingDiscrete, X0),
    "img_to_img": (ModelSamplingDiscrete, IMG_TO_IMG),
}
#: What is predicted, and the deviation of the latents.
CONTINUOUS: Mapping[str, tuple[type[Any], float]] = {
    "v_prediction": (V_PREDICTION, 1.0),
    "edm": (EDM, 0.5),
    "edm_playground_v2.5": (EDM, 0.5),
    "eps": (EPS, 1.0),
}
FLOW = "cosmos_rflow"
PLAYGROUND = "edm_playground_v2.5"


class SamplingLevelsNode(ModelPatchNode):
    """A node of other levels."""

    CATEGORY = "advanced/model"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_model_advanced"


class ModelSamplingDiscreteNode(SamplingLevelsNode):
    """Levels indexed by timestep."""

    NODE_ID = "ModelSamplingDiscrete"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, what its network predicts, and whether the last level holds no signal."""
        zsnr = ("BOOLEAN", {"default": False})
        return {"required": {"model": ("MODEL",), "sampling": (tuple(DISCRETE),), "zsnr": zsnr}}

    def patch(self, model: ModelPatcher | None, sampling: str, zsnr: bool) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing, or the sampling is not known.
        """
        levels, meaning = chosen(DISCRETE, sampling, "sampling")
        patched = copy_of(model)
        made = _mixed(levels, meaning)(patched.model.model_config, zsnr=zsnr)
        patched.add_object_patch("model_sampling", made)
        return (patched,)


class ContinuousNode(SamplingLevelsNode):
    """A node of levels evenly spaced in their logarithm."""

    LEVELS: type[Any]
    CHOICES: tuple[str, ...]
    HIGHEST, LOWEST = 120.0, 0.002

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, what its network predicts, and the ends."""
        limits = {"min": 0.0, "max": 1000.0, "step": 0.001, "round": False}
        return {
            "required": {
                "model": ("MODEL",),
                "sampling": (cls.CHOICES,),
                "sigma_max": ("FLOAT", {"default": cls.HIGHEST, **limits}),
                "sigma_min": ("FLOAT", {"default": cls.LOWEST, **limits}),
            }
        }

    def patch(
        self, model: ModelPatcher | None, sampling: str, sigma_max: float, sigma_min: float
    ) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing, an end is not above zero, or the sampling is not offered.
        """
        for name, sigma in (("sigma_max", sigma_max), ("sigma_min", sigma_min)):
            if sigma <= 0:
                raise ValueError(f"{name}: must be above zero")
        if sampling == FLOW:
            raise ValueError(f"sampling: this platform does not offer {FLOW} yet")
        meaning, deviation = chosen(CONTINUOUS, sampling, "sampling")
        patched = copy_of(model)
        made = _mixed(self.LEVELS, meaning)(patched.model.model_config)
        made.set_parameters(sigma_min, sigma_max, deviation)
        patched.add_object_patch("model_sampling", made)
        if sampling == PLAYGROUND:
            patched.add_object_patch("latent_format", SDXL_Playground_2_5())
        return (patched,)


class ModelSamplingContinuousEDMNode(ContinuousNode):
    """Levels for a network that is given their logarithm."""

    NODE_ID = "ModelSamplingContinuousEDM"
    LEVELS = ModelSamplingContinuousEDM
    CHOICES = (*CONTINUOUS, FLOW)


class ModelSamplingContinuousVNode(ContinuousNode):
    """Levels for a network that is given the angle between signal and noise."""

    NODE_ID = "ModelSamplingContinuousV"
    LEVELS = ModelSamplingContinuousV
    CHOICES = ("v_prediction",)
    HIGHEST, LOWEST = 500.0, 0.03


def _mixed(levels: type[Any], meaning: type[Any]) -> type[Any]:
    return type("ModelSampling", (levels, meaning), {})


NODES: tuple[type, ...] = (ModelSamplingDiscreteNode, ModelSamplingContinuousEDMNode, ModelSamplingContinuousVNode)
