"""The UNet: its shape, and its training on latents computed from drawn pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.unet_spec import (
    BlockSpec,
    ConvSpec,
    DownsampleSpec,
    LayerSpec,
    ResBlockSpec,
    TransformerSpec,
    UNetSpec,
    UpsampleSpec,
)
from tools.train_tiny.precision import COMPUTE
from tools.train_tiny.text import WIDTH

GROUP_WIDTH = 4  # channels

LATENT_CHANNELS = 4
TIMESTEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012
HIGH_NOISE_BIAS = 0.6
"""Timesteps are drawn as 1000 * u ** bias: below 1, more of them are noisy, where the prompt decides."""
EMPTY = 0.1  # probability that a picture is learned without its caption
OVERSHOOT = 0.35  # probability that a picture is shown with exaggerated contrast, as guidance makes it
OVERSHOOT_GAIN = 1.5  # at most this much on top, in pure noise


@dataclass(frozen=True)
class Ladder:
    """The sizes of a UNet with one residual block to a level."""

    channels: int
    mult: tuple[int, ...]
    attention: tuple[bool, ...]
    head_channels: int = 32
    res_blocks: int = 1


def spec_of(ladder: Ladder) -> UNetSpec:
    """The blocks of a UNet in the order of the LDM layout."""
    width = ladder.channels
    embedding = width * 4
    wides = [width * mult for mult in ladder.mult]

    def transformer(channels: int) -> TransformerSpec:
        return TransformerSpec(channels, 1, WIDTH, channels // ladder.head_channels, False, GROUP_WIDTH)

    inputs: list[BlockSpec] = [(ConvSpec(LATENT_CHANNELS, width),)]
    skips = [width]
    current = width
    for level, wide in enumerate(wides):
        for _ in range(ladder.res_blocks):
            layers: list[LayerSpec] = [ResBlockSpec(current, wide, embedding, GROUP_WIDTH)]
            layers += [transformer(wide)] if ladder.attention[level] else []
            inputs.append(tuple(layers))
            skips.append(wide)
            current = wide
        if level < len(wides) - 1:
            inputs.append((DownsampleSpec(wide),))
            skips.append(wide)
    res = ResBlockSpec(current, current, embedding, GROUP_WIDTH)
    middle: BlockSpec = (res, transformer(current), res)
    outputs: list[BlockSpec] = []
    for level, wide in reversed(list(enumerate(wides))):
        for index in range(ladder.res_blocks + 1):
            layers = [ResBlockSpec(current + skips.pop(), wide, embedding, GROUP_WIDTH)]
            layers += [transformer(wide)] if ladder.attention[level] else []
            layers += [UpsampleSpec(wide)] if level and index == ladder.res_blocks else []
            outputs.append(tuple(layers))
            current = wide
    return UNetSpec(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        model_channels=width,
        context_dim=WIDTH,
        input_blocks=tuple(inputs),
        middle_block=middle,
        output_blocks=tuple(outputs),
        group_width=GROUP_WIDTH,
    )


def zero_snr_alphas() -> Tensor:
    """The signal's share sqrt(alpha_bar) at every timestep, rescaled to none at the last (arXiv:2305.08891)."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    signal = torch.cumprod(1 - betas, dim=0).sqrt()
    signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    return signal.float()


def start_small(unet: UNet) -> None:
    """Zero the last layer of every residual branch, so that the untrained UNet predicts nothing."""
    for name, parameter in unet.named_parameters():
        last = name.startswith("out.2.") or ".proj_out." in name or ".out_layers.3." in name
        if last:
            torch.nn.init.zeros_(parameter)


def loss_of(unet: UNet, latents: Tensor, context: Tensor, empty: Tensor, generator: torch.Generator) -> Tensor:
    """Mean square error of v for latents (batch, 4, h, w) and contexts (batch, tokens, width), computed in COMPUTE.

    Some latents are shown with more contrast than they have while the answer stays the true picture: guidance
    exaggerates pictures in just this way, and the model learns to bring them back.
    """
    batch = len(latents)
    draws = torch.rand(4, batch, generator=generator)
    step = (TIMESTEPS * draws[0] ** HIGH_NOISE_BIAS).long().clamp(max=TIMESTEPS - 1)
    signal = SIGNAL[step][:, None, None, None]
    noise_share = (1 - signal**2).sqrt()
    gain = (draws[1] < OVERSHOOT) * draws[2] * OVERSHOOT_GAIN
    noise = torch.randn(latents.shape, generator=generator)
    shown = signal * latents * (1 + gain[:, None, None, None] * noise_share) + noise_share * noise
    target = (signal * shown - latents) / noise_share
    context = torch.where((draws[3] < EMPTY)[:, None, None], empty[None], context)
    predicted: Tensor = unet(shown.to(COMPUTE), step.float(), context.to(COMPUTE)).float()
    return (predicted - target).square().mean()


SIGNAL = zero_snr_alphas()
LADDER = Ladder(channels=64, mult=(1, 2, 2), attention=(False, True, True), head_channels=64)
