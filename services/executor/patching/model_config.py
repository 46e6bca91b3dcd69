"""What was read from a file about a model, in classes by family: node packs ask which one it is."""

from __future__ import annotations

from typing import Any

import torch

from services.executor.diffusion.model_sampling import (
    DiscreteSampling,
    LogarithmicSampling,
    ModelSampling,
    stable_diffusion_sampling,
)
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.patching import latent_formats
from services.executor.patching.latent_formats import LatentFormat
from services.executor.patching.unet_config import unet_config


class BASE:
    """What is known of a model.

    Attributes:
        unet_config: the structure of its network, see `unet_config.py`.
        sampling_settings: what is not usual about its noise levels.
        latent_format: the latent space that it works in.
    """

    manual_cast_dtype: torch.dtype | None = None

    def __init__(
        self,
        unet_config: dict[str, Any],
        sampling_settings: dict[str, Any] | None = None,
        latent_format: LatentFormat | None = None,
    ) -> None:
        self.unet_config = unet_config
        self.sampling_settings = sampling_settings or {}
        self.latent_format = latent_format or LatentFormat()

    def inpaint_model(self) -> bool:
        """Whether its network is given more than latents of its own kind."""
        more: bool = self.unet_config["in_channels"] > self.unet_config["out_channels"]
        return more


class SD15(BASE):
    """Stable Diffusion 1."""


class SD15_instructpix2pix(SD15):
    """Stable Diffusion 1 for editing."""


class SD20(BASE):
    """Stable Diffusion 2."""


class SD_X4Upscaler(SD20):
    """The upscaler of Stable Diffusion 2."""


class SD21UnclipL(SD20):
    """Stable Diffusion 2 that is shown pictures through CLIP-L."""


class SD21UnclipH(SD20):
    """Stable Diffusion 2 that is shown pictures through OpenCLIP-H."""


class SDXL(BASE):
    """Stable Diffusion XL."""


class SDXL_instructpix2pix(SDXL):
    """Stable Diffusion XL for editing."""


class SDXLRefiner(BASE):
    """The refiner of Stable Diffusion XL."""


def config_of(network: LatentDiffusionModel, kind: type[BASE]) -> BASE:
    """What is known of a loaded network."""
    latents = latent_formats.as_nodes_know_it(network.latent_format)
    return kind(unet_config(network.unet.spec), _sampling_settings(network.model_sampling), latents)


def _sampling_settings(sampling: ModelSampling) -> dict[str, Any]:
    if isinstance(sampling, LogarithmicSampling):
        return {
            "sigma_min": float(sampling.sigma_min),
            "sigma_max": float(sampling.sigma_max),
            "sigma_data": getattr(sampling.prediction, "sigma_data", 1.0),
        }
    terminal = stable_diffusion_sampling(zero_terminal_snr=True).sigma_max
    return {"zsnr": True} if isinstance(sampling, DiscreteSampling) and sampling.sigma_max == terminal else {}
