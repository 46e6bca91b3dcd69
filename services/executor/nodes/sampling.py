"""The node that samples."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.schedules import SCHEDULERS
from services.executor.nodes.checkpoint_parts import held_model
from services.executor.nodes.latent import Latent
from services.executor.nodes.step_report import report_steps
from services.executor.patching.sampling import sample


def sample_latent(model: Any, positive: Any, negative: Any, latent: Latent, **how: Any) -> Latent:
    """A latent with what was sampled in it; `how` is passed on to `sample`, progress is told as the node's.

    Raises:
        ValueError: the model is missing, or the sampler or scheduler is not known.
        Interrupted: somebody asked to stop; heard once a step.
    """
    samples = sample(
        held_model(model),
        positive,
        negative,
        latent["samples"],
        noise_mask=latent.get("noise_mask"),
        batch_index=latent.get("batch_index"),
        report=report_steps(model),
        **how,
    )
    return latent | {"samples": samples}


class KSampler:
    """A latent denoised under guidance."""

    RETURN_TYPES = ("LATENT",)
    OUTPUT_TOOLTIPS = ("The denoised latent.",)
    FUNCTION = "sample"
    CATEGORY = "sampling"
    DESCRIPTION = "Removes noise from the latent step by step, guided by the positive and the negative conditioning."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What to sample with, from where, and how."""
        seed = {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}
        steps = {"default": 20, "min": 1, "max": 10000}
        cfg = {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}
        denoise = {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}
        return {
            "required": {
                "model": ("MODEL", {"tooltip": "The model that predicts what is noise."}),
                "seed": ("INT", seed | {"tooltip": "The same seed draws the same noise."}),
                "steps": ("INT", steps | {"tooltip": "How many steps the denoising takes."}),
                "cfg": ("FLOAT", cfg | {"tooltip": "How strongly to follow the texts; 1 ignores the negative one."}),
                "sampler_name": (tuple(SAMPLERS), {"tooltip": "The method that takes the steps."}),
                "scheduler": (tuple(SCHEDULERS), {"tooltip": "How the noise levels are spread over the steps."}),
                "positive": ("CONDITIONING", {"tooltip": "What the picture is to show."}),
                "negative": ("CONDITIONING", {"tooltip": "What the picture is not to show."}),
                "latent_image": ("LATENT", {"tooltip": "The latent to begin with."}),
                "denoise": ("FLOAT", denoise | {"tooltip": "How much of the latent to redo; less keeps more of it."}),
            }
        }

    def sample(
        self,
        model: Any,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Any,
        negative: Any,
        latent_image: Latent,
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
            seed=seed,
            steps=steps,
            cfg=cfg,
            sampler=sampler_name,
            scheduler=scheduler,
            denoise=denoise,
        )
        return (sampled,)
