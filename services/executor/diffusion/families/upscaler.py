"""The upscaler of Stable Diffusion 2: it sees the picture in the size of its latents, with noise that it is told of.

Rombach et al., 2022, https://huggingface.co/stabilityai/stable-diffusion-x4-upscaler: the numbers are those of its
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.families import predictions
from services.executor.diffusion.families.concatenation import Sampled, fitted
from services.executor.diffusion.families.family import Family
from services.executor.diffusion.latent_format import X4_LATENTS
from services.executor.diffusion.model_sampling import stable_diffusion_sampling
from services.executor.diffusion.models.unet_spec import UNetSpec

BETAS = 0.0001, 0.02
MOST_NOISE = 350
"""The level that a share of 1 of noise stands for."""

#: What is drawn for the picture must not be the latent's own noise.
_SEED_OFFSET = 10


class Enlarging:
    """The picture `concat_image` (batch, 3, height, width) in -1..1, with a share `noise_augmentation` of noise."""

    def channels(self, latent_channels: int) -> int:
        """Those of a picture."""
        return 3

    def tensor(self, options: Mapping[str, Any], sampled: Sampled) -> Tensor:
        """The picture with noise; no picture is a grey one."""
        like = sampled.noise
        given = options.get("concat_image")
        picture = torch.zeros_like(like[:, :3]) if given is None else fitted(given, like)
        sigma = stable_diffusion_sampling(beta_start=BETAS[0], beta_end=BETAS[1]).sigmas[_level(options)]
        generator = torch.Generator().manual_seed((options.get("seed") or 0) - _SEED_OFFSET)
        noise = torch.randn(picture.shape, generator=generator).to(picture)
        return (picture + sigma * noise) / (1 + sigma**2) ** 0.5


class NoiseLevel:
    """How much noise is in the picture."""

    def vector(self, options: Mapping[str, Any], channels: int) -> Tensor:
        """The level (1, 1)."""
        return torch.tensor([[float(_level(options))]])


def _level(options: Mapping[str, Any]) -> int:
    share = float(options.get("noise_augmentation", 0.0))
    if not 0 <= share <= 1:
        raise ValueError(f"noise_augmentation: {share:g} is not between 0 and 1")
    return round(share * MOST_NOISE)


def _fits(spec: UNetSpec) -> bool:
    return spec.classes is not None and spec.classes > MOST_NOISE and spec.linear_projection


UPSCALER = Family(
    "Stable Diffusion 2 upscaler",
    "stable-diffusion-v2-x4-upscaler",
    _fits,
    X4_LATENTS,
    vector=NoiseLevel(),
    prediction=predictions.velocity,
    betas=BETAS,
    concatenations=(Enlarging(),),
)
