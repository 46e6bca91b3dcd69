"""The node that samples a part of the steps."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.schedules import SCHEDULERS
from services.executor.nodes.declarations import whole
from services.executor.nodes.latent import Latent
from services.executor.nodes.sampling import sample_latent

MOST_STEPS = 10000


class KSamplerAdvanced:
    """A latent denoised under guidance, by some of the steps of a schedule."""

    DISPLAY_NAME = "KSampler (Advanced)"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "sample"
    CATEGORY = "sampling"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What to sample with, which steps, and whether noise is added before and left after them."""
        return {
            "required": {
                "model": ("MODEL",),
                "add_noise": (("enable", "disable"),),
                "noise_seed": whole(0, 0, 2**64 - 1, step=None, control_after_generate=True),
                "steps": whole(20, 1, MOST_STEPS, step=None),
                "cfg": ("FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}),
                "sampler_name": (tuple(SAMPLERS),),
                "scheduler": (tuple(SCHEDULERS),),
                "positive": ("CONDITIONING",),
                "negative": ("CONDITIONING",),
                "latent_image": ("LATENT",),
                "start_at_step": whole(0, 0, MOST_STEPS, step=None),
                "end_at_step": whole(MOST_STEPS, 0, MOST_STEPS, step=None),
                "return_with_leftover_noise": (("disable", "enable"),),
            }
        }

    def sample(
        self,
        model: Any,
        add_noise: str,
        noise_seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Any,
        negative: Any,
        latent_image: Latent,
        start_at_step: int,
        end_at_step: int,
        return_with_leftover_noise: str,
        denoise: float = 1.0,
    ) -> tuple[Latent]:
        """Return the latent with what was sampled in it.

        Raises:
            ValueError: the model is missing, or the sampler or scheduler is not known.
            Interrupted: somebody asked to stop; heard once a step.
        """
        sampled = sample_latent(
            model,
            positive,
            negative,
            latent_image,
            seed=noise_seed,
            steps=steps,
            cfg=cfg,
            sampler=sampler_name,
            scheduler=scheduler,
            denoise=denoise,
            start_at_step=start_at_step,
            end_at_step=end_at_step,
            force_full_denoise=return_with_leftover_noise != "enable",
            disable_noise=add_noise == "disable",
        )
        return (sampled,)


NODES: tuple[type, ...] = (KSamplerAdvanced,)
