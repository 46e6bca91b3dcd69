"""Small GLIGENs with random weights, by their published names."""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.models.attention import SpatialTransformer
from tests.executor.diffusion.control.nets import model

TEXT, INNER, FREQUENCIES = 24, 20, 3


def gligen_weights(checkpoint: str = "sd15_small", gate: float = 0.7) -> dict[str, Tensor]:
    """Weights for the model of a checkpoint, whose gates all are a number."""
    generator = torch.Generator().manual_seed(6)
    waves = FREQUENCIES * 8
    shapes: dict[str, tuple[int, ...]] = {
        "position_net.null_positive_feature": (TEXT,),
        "position_net.null_position_feature": (waves,),
    }
    shapes |= _linear("position_net.linears.0", TEXT + waves, INNER)
    shapes |= _linear("position_net.linears.2", INNER, INNER)
    shapes |= _linear("position_net.linears.4", INNER, TEXT)
    gates: dict[str, Tensor] = {}
    for name, layer in model(checkpoint).unet.named_modules():
        if isinstance(layer, SpatialTransformer):
            fuser = f"{name}.transformer_blocks.0.fuser"
            channels = layer.norm.num_channels
            shapes |= _linear(f"{fuser}.linear", TEXT, channels)
            shapes |= {f"{fuser}.attn.to_{part}.weight": (channels, channels) for part in "qkv"}
            shapes |= _linear(f"{fuser}.attn.to_out.0", channels, channels)
            shapes |= _linear(f"{fuser}.ff.net.0.proj", channels, channels * 8)
            shapes |= _linear(f"{fuser}.ff.net.2", channels * 4, channels)
            shapes |= {
                f"{fuser}.{norm}.{part}": (channels,) for norm in ("norm1", "norm2") for part in ("weight", "bias")
            }
            gates |= {f"{fuser}.alpha_{part}": torch.tensor(gate) for part in ("attn", "dense")}
    drawn = {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}
    return drawn | gates


def _linear(name: str, narrow: int, wide: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (wide, narrow), f"{name}.bias": (wide,)}
