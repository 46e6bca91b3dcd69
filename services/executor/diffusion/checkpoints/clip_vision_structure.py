"""The structure of CLIP's encoder of pictures, from the names and shapes of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.structure import Shapes, count, even_share, shape_of
from services.executor.diffusion.models.clip_transformer import ACTIVATIONS
from services.executor.diffusion.models.clip_vision import ClipVisionSpec

LARGE_WIDTH = 1024  # of CLIP-L
LARGE_HEADS = 16
"""Heads of the encoders from CLIP-L on (L, H, G); smaller ones have heads of `HEAD_CHANNELS`."""
HEAD_CHANNELS = 64

_EMBEDDINGS = "vision_model.embeddings"


def clip_vision_spec(shapes: Shapes, configuration: Mapping[str, Any]) -> ClipVisionSpec:
    """The structure of the encoder with these weights (names from `vision_model.` on).

    `configuration` may give `num_attention_heads` and `hidden_act`, which no shape shows. Otherwise the rules of the
    published ones hold: those up to CLIP-L are OpenAI's, with the quick GELU, and the larger ones OpenCLIP's.

    Raises:
        CheckpointError: this is no CLIP encoder of pictures.
    """
    width, channels, patch, _ = shape_of(shapes, f"{_EMBEDDINGS}.patch_embedding.weight", 4)
    positions = shape_of(shapes, f"{_EMBEDDINGS}.position_embedding.weight", 2)[0]
    grid = math.isqrt(positions - 1)
    if channels != 3 or grid**2 + 1 != positions:
        raise CheckpointError(f"an encoder of pictures with {channels} channels and {positions} positions is unknown")
    activation = str(configuration.get("hidden_act", "quick_gelu" if width <= LARGE_WIDTH else "gelu"))
    if activation not in ACTIVATIONS:
        raise CheckpointError(f"unknown activation {activation!r} of an encoder of pictures")
    rule = LARGE_HEADS if width >= LARGE_WIDTH else max(1, width // HEAD_CHANNELS)
    heads = int(configuration.get("num_attention_heads", rule))
    even_share(width, heads, "heads")
    projected = "visual_projection.weight" in shapes
    return ClipVisionSpec(
        width=width,
        inner_width=shape_of(shapes, "vision_model.encoder.layers.0.mlp.fc1.weight", 2)[0],
        heads=heads,
        layers=count(shapes, "vision_model.encoder.layers."),
        activation=activation,
        patch=patch,
        grid=grid,
        projection_dim=shape_of(shapes, "visual_projection.weight", 2)[0] if projected else None,
    )
