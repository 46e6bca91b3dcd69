"""Nodes that sample with a guider, a sampler and noise levels of one's own."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.diffusion.sampling import with_channels
from services.executor.nodes.declarations import whole
from services.executor.nodes.guiders import CFG, CFGGuider
from services.executor.nodes.latent import Latent
from services.executor.nodes.noise import NoNoise, SeededNoise
from services.executor.nodes.step_report import report_steps
from services.executor.patching import guider
from services.executor.patching.model_patcher import ModelPatcher


def sampled(
    follow: guider.CFGGuider, noise: Any, sampler: Any, sigmas: Tensor, latent: Latent
) -> tuple[Latent, Latent]:
    """A latent with what was sampled in it, and with the last estimate of what it would be without any noise.

    Raises:
        ValueError: the latent is of another family.
        Interrupted: somebody asked to stop; heard once a step.
    """
    patcher = follow.model_patcher
    latent = latent | {"samples": with_channels(latent["samples"], patcher.latent_format.channels)}
    report = report_steps(patcher)
    estimates: list[Tensor] = []

    def step(index: int, denoised: Tensor, noisy: Tensor, steps: int) -> None:
        estimates[:] = [denoised]
        report(index, steps, noisy, denoised)

    samples = follow.sample(
        noise.generate_noise(latent),
        latent["samples"],
        sampler,
        sigmas,
        denoise_mask=latent.get("noise_mask"),
        callback=step,
        seed=noise.seed,
    )
    estimate = patcher.get_model_object("latent_format").process_out(estimates[0]).cpu() if estimates else samples
    return latent | {"samples": samples}, latent | {"samples": estimate}


class CustomSamplingNode:
    """A node that samples."""

    RETURN_TYPES = ("LATENT", "LATENT")
    RETURN_NAMES = ("output", "denoised_output")
    FUNCTION = "sample"
    CATEGORY = "sampling/custom_sampling"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_custom_sampler"


class SamplerCustom(CustomSamplingNode):
    """A latent denoised under guidance, over given noise levels."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What to sample with, from where, and how."""
        return {
            "required": {
                "model": ("MODEL",),
                "add_noise": ("BOOLEAN", {"default": True}),
                "noise_seed": whole(0, 0, 2**64 - 1, step=None, control_after_generate=True),
                "cfg": CFG,
                "positive": ("CONDITIONING",),
                "negative": ("CONDITIONING",),
                "sampler": ("SAMPLER",),
                "sigmas": ("SIGMAS",),
                "latent_image": ("LATENT",),
            }
        }

    def sample(
        self,
        model: ModelPatcher | None,
        add_noise: bool,
        noise_seed: int,
        cfg: float,
        positive: Conditioning,
        negative: Conditioning,
        sampler: Any,
        sigmas: Tensor,
        latent_image: Latent,
    ) -> tuple[Latent, Latent]:
        """Return the latent with what was sampled in it, and with the last estimate of it.

        Raises:
            ValueError: the model is missing, or the latent is of another family.
            Interrupted: somebody asked to stop; heard once a step.
        """
        (follow,) = CFGGuider().get_guider(model, positive, negative, cfg)
        noise = SeededNoise(noise_seed) if add_noise else NoNoise(noise_seed)
        return sampled(follow, noise, sampler, sigmas, latent_image)


class SamplerCustomAdvanced(CustomSamplingNode):
    """A latent denoised as a guider says, over given noise levels, beginning with given noise."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What to sample with, from where, and how."""
        return {
            "required": {
                "noise": ("NOISE",),
                "guider": ("GUIDER",),
                "sampler": ("SAMPLER",),
                "sigmas": ("SIGMAS",),
                "latent_image": ("LATENT",),
            }
        }

    def sample(
        self, noise: Any, guider: guider.CFGGuider, sampler: Any, sigmas: Tensor, latent_image: Latent
    ) -> tuple[Latent, Latent]:
        """Return the latent with what was sampled in it, and with the last estimate of it.

        Raises:
            ValueError: the latent is of another family.
            Interrupted: somebody asked to stop; heard once a step.
        """
        return sampled(guider, noise, sampler, sigmas, latent_image)


NODES: tuple[type, ...] = (SamplerCustom, SamplerCustomAdvanced)
