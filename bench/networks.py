"""Diffusion networks of published sizes with random weights, made in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bench.sizes import Size
from services.executor.diffusion.conditioning import Conditioning
from services.executor.diffusion.families import family_of
from services.executor.diffusion.model_sampling import stable_diffusion_sampling
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.models.unet import UNet
from services.executor.patching.model_families import as_nodes_know_it
from services.executor.patching.model_patcher import ModelPatcher

TOKENS = 77
SPREAD = 0.03  # of weights: large enough for numbers of every layer to be ordinary, small enough to stay finite in fp16


def model(size: Size, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> ModelPatcher:
    """A MODEL of a size with weights that are made on the device."""
    spec = size.spec
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
