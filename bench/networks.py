"""Diffusion networks of published sizes with random weights, made in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from services.executor.diffusion.conditioning import Conditioning
from services.executor.diffusion.families import family_of
from services.executor.diffusion.model_sampling import stable_diffusion_sampling
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
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
from services.executor.patching.model_families import as_nodes_know_it
from services.executor.patching.model_patcher import ModelPatcher

RES_BLOCKS = 2
TOKENS = 77
SPREAD = 0.03  # of weights: large enough for numbers of every layer to be ordinary, small enough to stay finite in fp16


@dataclass(frozen=True)
class Size:
    """What differs between the UNets of Stable Diffusion.

    Attributes:
        multipliers: of the width, for each level.
        depths: transformer blocks beside a residual block, for each level.
        vector: channels of the vector condition, of which `pooled` are the text's.
    """

    multipliers: tuple[int, ...]
    depths: tuple[int, ...]
    middle_depth: int
    context: int
    heads: int | None = None
    vector: int | None = None
    pooled: int = 0
    width: int = 320


STABLE_DIFFUSION_1 = Size((1, 2, 4, 4), (1, 1, 1, 0), 1, 768, heads=8)
STABLE_DIFFUSION_XL = Size((1, 2, 4), (0, 2, 10), 10, 2048, vector=2816, pooled=1280)


def unet_spec(size: Size) -> UNetSpec:
    """The network's structure."""
    widths = [size.width * multiplier for multiplier in size.multipliers]
    inputs: list[BlockSpec] = [(ConvSpec(4, size.width),)]
    skips, channels = [size.width], size.width
    for level, wide in enumerate(widths):
        for _ in range(RES_BLOCKS):
            inputs.append(_block(size, channels, wide, size.depths[level]))
            channels = wide
            skips.append(channels)
        if level < len(widths) - 1:
            inputs.append((DownsampleSpec(channels),))
            skips.append(channels)
    middle = (*_block(size, channels, channels, size.middle_depth), ResBlockSpec(channels, channels, size.width * 4))
    outputs: list[BlockSpec] = []
    for level, wide in reversed(list(enumerate(widths))):
        for number in range(RES_BLOCKS + 1):
            layers = list(_block(size, channels + skips.pop(), wide, size.depths[level]))
            channels = wide
            if level and number == RES_BLOCKS:
                layers.append(UpsampleSpec(channels))
            outputs.append(tuple(layers))
    return UNetSpec(
        in_channels=4,
        out_channels=4,
        model_channels=size.width,
        context_dim=size.context,
        input_blocks=tuple(inputs),
        middle_block=middle,
        output_blocks=tuple(outputs),
        adm_channels=size.vector,
    )


def _block(size: Size, channels: int, wide: int, depth: int) -> BlockSpec:
    layers: list[LayerSpec] = [ResBlockSpec(channels, wide, size.width * 4)]
    if depth:
        is_linear = size.heads is None
        layers.append(TransformerSpec(wide, depth, size.context, size.heads or wide // 64, is_linear))
    return tuple(layers)


def model(size: Size, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> ModelPatcher:
    """A MODEL of a size with weights that are made on the device."""
    spec = unet_spec(size)
    with torch.device("meta"):
        unet = UNet(spec)
    unet = unet.to(dtype).to_empty(device=device).eval().requires_grad_(False)
    torch.manual_seed(0)
    for weight in unet.parameters():
        weight.uniform_(-SPREAD, SPREAD)
    family = family_of(spec)
    assert family is not None
    network = LatentDiffusionModel(unet, stable_diffusion_sampling(), family.latent_format, family)
    return ModelPatcher(as_nodes_know_it(network))


def conditioning(size: Size, seed: int) -> Conditioning:
    """What a text encoder gives, on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    options: dict[str, Any] = {}
    if size.pooled:
        options["pooled_output"] = torch.randn(1, size.pooled, generator=generator)
    return [[torch.randn(1, TOKENS, size.context, generator=generator), options]]


def inputs(size: Size, side: int, batch: int, device: torch.device | str, dtype: torch.dtype) -> Sequence[Any]:
    """What the network itself takes, for pictures of so many pixels a side."""
    like: dict[str, Any] = {"device": device, "dtype": dtype}
    vector = None if size.vector is None else torch.randn(batch, size.vector, **like)
    latent, context = (
        torch.randn(batch, 4, side // 8, side // 8, **like),
        torch.randn(batch, TOKENS, size.context, **like),
    )
    return latent, torch.full((batch,), 500.0, device=device), context, vector
