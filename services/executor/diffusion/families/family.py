"""What tells one family of diffusion networks from another, and what its networks are given beside latents and text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.executor.diffusion.families.vectors import VectorLayout
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.models.unet_spec import UNetSpec


@dataclass(frozen=True)
class Family:
    """A family of diffusion networks.

    Attributes:
        name: as its makers call it.
        fits: whether a network of a structure is one of it.
        latent_format: the latent space that its networks work in.
        vector: what their vector condition is made of, None where they take none.
    """

    name: str
    fits: Callable[[UNetSpec], bool]
    latent_format: LatentFormat
    vector: VectorLayout | None = None
