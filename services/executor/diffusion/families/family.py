"""What tells one family of diffusion networks from another, and what its networks are given beside latents and text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.executor.diffusion.families import predictions
from services.executor.diffusion.families.concatenation import Concatenation, Editing, Inpainting
from services.executor.diffusion.families.vectors import VectorCondition
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import BETA_END, BETA_START
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.unet_spec import UNetSpec
from services.executor.diffusion.prediction import Prediction


@dataclass(frozen=True)
class Family:
    """A family of diffusion networks.

    Attributes:
        name: as its makers call it.
        architecture: as ModelSpec (https://github.com/Stability-AI/ModelSpec, version 1.0.0) calls it.
        fits: whether a network of a structure is one of it.
        latent_format: the latent space that its networks work in.
        vector: makes their vector condition, None where they take none.
        prediction: finds out what a network predicts whose file does not say it.
        concatenations: what there is to make channels beside latents, of which a network may be given one.
        betas: the first and the last step of noise that they were trained with.
    """

    name: str
    architecture: str
    fits: Callable[[UNetSpec], bool]
    latent_format: LatentFormat
    vector: VectorCondition | None = None
    prediction: Callable[[UNet], Prediction] = predictions.noise
    betas: tuple[float, float] = (BETA_START, BETA_END)
    concatenations: tuple[Concatenation, ...] = (Inpainting(), Editing())

    def concatenation_of(self, channels: int) -> Concatenation | None:
        """What makes so many channels beside a latent, None if nothing does."""
        latent_channels = self.latent_format.channels
        return next((one for one in self.concatenations if one.channels(latent_channels) == channels), None)
