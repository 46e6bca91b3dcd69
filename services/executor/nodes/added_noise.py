"""The node that brings latents to a noise level without sampling."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.diffusion.sampling import with_channels
from services.executor.nodes.checkpoint_parts import held_model
from services.executor.nodes.latent import Latent
from services.executor.patching.model_patcher import ModelPatcher


class AddNoise:
    """Latents with noise in them, as a model would see them at the first of some levels."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "add_noise"
    CATEGORY = "_for_testing/custom_sampling/noise"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_custom_sampler"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model whose levels these are, the noise, and the latents."""
        return {
            "required": {
                "model": ("MODEL",),
                "noise": ("NOISE",),
                "sigmas": ("SIGMAS",),
                "latent_image": ("LATENT",),
            }
        }

    def add_noise(self, model: ModelPatcher | None, noise: Any, sigmas: Tensor, latent_image: Latent) -> tuple[Latent]:
        """Return the latents with as much noise as there is from the first level to the last; with none of no levels.

        What is no number is zero.

        Raises:
            ValueError: the model is missing, or the latent is of another family.
        """
        if len(sigmas) == 0:
            return (latent_image,)
        patcher = held_model(model)
        form = patcher.get_model_object("latent_format")
        samples = with_channels(latent_image["samples"], patcher.latent_format.channels)
        latent = latent_image | {"samples": samples}
        level = sigmas[0] if len(sigmas) == 1 else (sigmas[0] - sigmas[-1]).abs()
        clean = form.process_in(samples) if bool(samples.any()) else samples
        sampling = patcher.get_model_object("model_sampling")
        noisy = sampling.noise_scaling(level, noise.generate_noise(latent), clean)
        return (latent | {"samples": form.process_out(noisy).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)},)


NODES: tuple[type, ...] = (AddNoise,)
