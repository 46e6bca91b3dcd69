"""What the networks of a family predict where their file does not say it."""

from __future__ import annotations

import torch

from services.executor.diffusion.models.attention import SpatialTransformer
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.prediction import Epsilon, Prediction, Velocity

VELOCITY_DEVIATION = 0.09
"""Of the biases below in the networks of Stable Diffusion 2 that predict the velocity; those of noise have less."""


def noise(unet: UNet) -> Prediction:
    """The noise, whatever the network."""
    return Epsilon()


def velocity(unet: UNet) -> Prediction:
    """The velocity, whatever the network."""
    return Velocity()


def noise_or_velocity(unet: UNet) -> Prediction:
    """Tell by the spread of the biases in the network's last transformer, as ComfyUI does.

    No shape shows it. Networks that are given something beside the latent predict the noise.
    """
    transformers = [module for module in unet.output_blocks.modules() if isinstance(module, SpatialTransformer)]
    if unet.spec.in_channels != unet.spec.out_channels or not transformers:
        return Epsilon()
    biases = transformers[-1].get_parameter("transformer_blocks.0.norm1.bias")
    return Velocity() if float(torch.std(biases.float(), correction=0)) > VELOCITY_DEVIATION else Epsilon()
