"""Nodes that choose samplers which do something else beside taking steps."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from torch import Tensor

from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers.contract import Denoise, Report
from services.executor.nodes.declarations import chosen, number, whole
from services.executor.nodes.latent_scaling import METHODS, scaled_latent
from services.executor.nodes.schema_node import SchemaNode, combo
from services.executor.patching.k_samplers import KSAMPLER, as_k_function, sampler_object

#: In the order of the node.
UPSCALE_METHODS = ("bislerp", "nearest-exact", "bilinear", "area", "bicubic")
HALF_OF_THE_STEPS = -1
#: Versions of CFG++ to the sampler that is it; None where nobody has written down what it is.
VERSIONS: Mapping[str, str | None] = {"regular": "euler_cfg_pp", "alternative": None}


def sample_lcm_upscale(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: SamplerNoise,
    report: Report,
    *,
    scale_ratio: float = 1.0,
    scale_steps: int = HALF_OF_THE_STEPS,
    upscale_method: str = UPSCALE_METHODS[0],
) -> Tensor:
    """Jump to the estimate, enlarge it, and add fresh noise (Luo et al. 2023, LCM).

    Args:
        scale_ratio: how much larger the result is than x (batch, channels, height, width).
        scale_steps: after how many of the first steps it is enlarged, each time by as many cells.
        upscale_method: how cells between those that are there are found.

    Raises:
        ValueError: it could not be held, or there is no such way.
    """
    enlargements = len(sigmas) // 2 if scale_steps == HALF_OF_THE_STEPS else scale_steps
    height, width = x.shape[-2:]
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x_noisy, x = x, denoise(x, sigma)
        report(step, x_noisy, x)
        if step < enlargements:
            times = 1 + (scale_ratio - 1) * (step + 1) / enlargements
            size = max(1, round(width * times)), max(1, round(height * times))
            x = scaled_latent(x, *size, upscale_method, "disabled", "scale_ratio")
        if sigma_next > 0:
            x = denoise.model_sampling.prediction.add_noise(sigma_next, noise.normal(x), x)
    return x


class AdvancedSamplerNode(SchemaNode):
    """A node that makes a sampler."""

    RETURN_TYPES = ("SAMPLER",)
    FUNCTION = "execute"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_advanced_samplers"


class SamplerLCMUpscale(AdvancedSamplerNode):
    """A consistency model's sampler whose latent grows while it is sampled."""

    CATEGORY = "sampling/custom_sampling/samplers"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How much larger, in how many steps, and by which way."""
        return {
            "required": {
                "scale_ratio": number(1.0, 0.1, 20.0, 0.01),
                "scale_steps": whole(HALF_OF_THE_STEPS, -1, 1000),
                "upscale_method": combo(*UPSCALE_METHODS),
            }
        }

    def execute(self, scale_ratio: float, scale_steps: int, upscale_method: str) -> tuple[KSAMPLER]:
        """Return the sampler.

        Raises:
            ValueError: there is no such way.
        """
        if upscale_method not in METHODS:
            raise ValueError(f"upscale_method: {upscale_method!r} is not one of {', '.join(UPSCALE_METHODS)}")
        options = {"scale_ratio": scale_ratio, "scale_steps": scale_steps, "upscale_method": upscale_method}
        return (KSAMPLER(as_k_function(sample_lcm_upscale), options),)


class SamplerEulerCFGpp(AdvancedSamplerNode):
    """Euler's method that steps along what the negative conditioning predicts."""

    DISPLAY_NAME = "SamplerEulerCFG++"
    CATEGORY = "_for_testing"
    EXPERIMENTAL = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Which of its versions."""
        return {"required": {"version": combo(*VERSIONS)}}

    def execute(self, version: str) -> tuple[KSAMPLER]:
        """Return the sampler.

        Raises:
            ValueError: there is no such version, or it is not offered.
        """
        name = chosen(VERSIONS, version, "version")
        if name is None:
            raise ValueError(f"version: this platform does not offer {version!r} yet")
        return (sampler_object(name),)


NODES: tuple[type, ...] = (SamplerLCMUpscale, SamplerEulerCFGpp)
