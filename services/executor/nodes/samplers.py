"""Nodes that choose the method which takes the steps."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.samplers.cfg_pp import sample_euler_ancestral_cfg_pp
from services.executor.diffusion.samplers.contract import SamplerFunction
from services.executor.diffusion.samplers.dpm_solver import sample_dpm_adaptive
from services.executor.diffusion.samplers.dpmpp_2s import sample_dpmpp_2s_ancestral
from services.executor.diffusion.samplers.dpmpp_sde import sample_dpmpp_2m_sde, sample_dpmpp_3m_sde, sample_dpmpp_sde
from services.executor.diffusion.samplers.er_sde import sample_er_sde
from services.executor.diffusion.samplers.euler import sample_euler_ancestral
from services.executor.diffusion.samplers.lms import sample_lms
from services.executor.diffusion.samplers.sa_solver import sample_sa_solver
from services.executor.nodes.checkpoint_parts import held_model
from services.executor.nodes.declarations import Declaration, number, whole
from services.executor.nodes.sigma_schedules import exact
from services.executor.patching.k_samplers import KSAMPLER, as_k_function, sampler_object
from services.executor.patching.model_patcher import ModelPatcher

ON_DEVICE = "gpu"
NOISE_DEVICES = (ON_DEVICE, "cpu")


def factor(default: float, most: float = 100.0) -> Declaration:
    """A number from zero on."""
    return exact(default, 0.0, most)


class SamplerNode:
    """A node that makes a sampler."""

    RETURN_TYPES = ("SAMPLER",)
    FUNCTION = "get_sampler"
    CATEGORY = "sampling/custom_sampling/samplers"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_custom_sampler"


class KSamplerSelect(SamplerNode):
    """A sampler by its name."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The name."""
        return {"required": {"sampler_name": (tuple(SAMPLERS),)}}

    def get_sampler(self, sampler_name: str) -> tuple[KSAMPLER]:
        """Return the sampler.

        Raises:
            ValueError: unknown name.
        """
        if sampler_name not in SAMPLERS:
            raise ValueError(f"sampler_name: {sampler_name!r} is not one of {', '.join(SAMPLERS)}")
        return (sampler_object(sampler_name),)


class ParametersNode(SamplerNode):
    """A node whose inputs are the parameters of its sampler."""

    SAMPLER: SamplerFunction
    PARAMETERS: dict[str, Declaration] = {}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The parameters."""
        return {"required": dict(cls.PARAMETERS)}

    def get_sampler(self, **parameters: Any) -> tuple[KSAMPLER]:
        """Return the sampler with them; `noise_device` "gpu" draws noise where the latent is."""
        device = parameters.pop("noise_device", None)
        drawn = {} if device is None else {"noise_on_device": device == ON_DEVICE}
        return (KSAMPLER(as_k_function(type(self).SAMPLER), parameters | drawn),)


class SamplerEulerAncestral(ParametersNode):
    """Euler's method with noise added after every step."""

    SAMPLER = staticmethod(sample_euler_ancestral)
    PARAMETERS = {"eta": factor(1.0), "s_noise": factor(1.0)}


class SamplerEulerAncestralCFGPP(ParametersNode):
    """The same, stepping along what the negative conditioning predicts."""

    DISPLAY_NAME = "SamplerEulerAncestralCFG++"
    SAMPLER = staticmethod(sample_euler_ancestral_cfg_pp)
    PARAMETERS = {"eta": factor(1.0, 1.0), "s_noise": factor(1.0, 10.0)}


class SamplerLMS(ParametersNode):
    """A linear multistep method."""

    SAMPLER = staticmethod(sample_lms)
    PARAMETERS = {"order": whole(4, 1, 100, step=None)}


class SamplerDPMPP_3M_SDE(ParametersNode):
    """DPM-Solver++ of three steps for the stochastic equation."""

    SAMPLER = staticmethod(sample_dpmpp_3m_sde)
    PARAMETERS = {"eta": factor(1.0), "s_noise": factor(1.0), "noise_device": (NOISE_DEVICES,)}


class SamplerDPMPP_2M_SDE(ParametersNode):
    """DPM-Solver++ of two steps for the stochastic equation."""

    SAMPLER = staticmethod(sample_dpmpp_2m_sde)
    PARAMETERS = {
        "solver_type": (("midpoint", "heun"),),
        "eta": factor(1.0),
        "s_noise": factor(1.0),
        "noise_device": (NOISE_DEVICES,),
    }


class SamplerDPMPP_SDE(ParametersNode):
    """DPM-Solver++ of one step for the stochastic equation."""

    SAMPLER = staticmethod(sample_dpmpp_sde)
    PARAMETERS = {"eta": factor(1.0), "s_noise": factor(1.0), "r": factor(0.5), "noise_device": (NOISE_DEVICES,)}


class SamplerDPMPP_2S_Ancestral(ParametersNode):
    """DPM-Solver++ of one step with noise added after it."""

    SAMPLER = staticmethod(sample_dpmpp_2s_ancestral)
    PARAMETERS = {"eta": factor(1.0), "s_noise": factor(1.0)}


class SamplerDPMAdaptative(ParametersNode):
    """DPM-Solver that chooses its steps itself."""

    SAMPLER = staticmethod(sample_dpm_adaptive)
    PARAMETERS = {
        "order": whole(3, 2, 3, step=None),
        "rtol": factor(0.05),
        "atol": factor(0.0078),
        "h_init": factor(0.05),
        "pcoeff": factor(0.0),
        "icoeff": factor(1.0),
        "dcoeff": factor(0.0),
        "accept_safety": factor(0.81),
        "eta": factor(0.0),
        "s_noise": factor(1.0),
    }


class SamplerER_SDE(ParametersNode):
    """Taylor expansion for the stochastic equation."""

    SAMPLER = staticmethod(sample_er_sde)
    PARAMETERS = {
        "solver_type": ("COMBO", {"options": ["ER-SDE", "Reverse-time SDE", "ODE"]}),
        "max_stage": whole(3, 1, 3, step=None),
        "eta": factor(1.0),
        "s_noise": factor(1.0),
    }


class SamplerSASolver(SamplerNode):
    """Stochastic Adams predictor and corrector."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model that says which levels noise is added between, how much of it, and how many estimates are used."""
        return {
            "required": {
                "model": ("MODEL", {}),
                "eta": exact(1.0, 0.0, 10.0),
                "sde_start_percent": number(0.2, 0.0, 1.0, 0.001),
                "sde_end_percent": number(0.8, 0.0, 1.0, 0.001),
                "s_noise": factor(1.0),
                "predictor_order": whole(3, 1, 6, step=None),
                "corrector_order": whole(4, 0, 6, step=None),
                "use_pece": ("BOOLEAN", {}),
                "simple_order_2": ("BOOLEAN", {}),
            }
        }

    def get_sampler(
        self,
        model: ModelPatcher | None,
        sde_start_percent: float,
        sde_end_percent: float,
        **parameters: Any,
    ) -> tuple[KSAMPLER]:
        """Return the sampler.

        Raises:
            ValueError: the model is missing.
        """
        levels = held_model(model).get_model_object("model_sampling")
        between = tuple(levels.percent_to_sigma(percent) for percent in (sde_start_percent, sde_end_percent))
        return (KSAMPLER(as_k_function(sample_sa_solver), {**parameters, "sde_between": between}),)


NODES: tuple[type, ...] = (
    KSamplerSelect,
    SamplerEulerAncestral,
    SamplerEulerAncestralCFGPP,
    SamplerLMS,
    SamplerDPMPP_3M_SDE,
    SamplerDPMPP_2M_SDE,
    SamplerDPMPP_SDE,
    SamplerDPMPP_2S_Ancestral,
    SamplerDPMAdaptative,
    SamplerER_SDE,
    SamplerSASolver,
)
