"""The structure of a CLIP text encoder, from the names and shapes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.structure import Shapes, count, even_share, shape_of
from services.executor.diffusion.models.clip_text import ClipTextSpec
from services.executor.diffusion.models.clip_transformer import ACTIVATIONS

HEAD_CHANNELS = 64


def clip_text_spec(shapes: Shapes, configuration: Mapping[str, Any], activation: str = "quick_gelu") -> ClipTextSpec:
    """The structure of the text encoder with these weights (names from `text_model.` on).

    `configuration` may give `num_attention_heads` and `hidden_act`, which no shape shows; CLIP's own rule, heads
    of 64 channels, and `activation` hold otherwise.

    Raises:
        CheckpointError: this is no CLIP text encoder.
    """
    vocabulary, width = shape_of(shapes, "text_model.embeddings.token_embedding.weight", 2)
    positions = shape_of(shapes, "text_model.embeddings.position_embedding.weight", 2)[0]
    activation = str(configuration.get("hidden_act", activation))
    if activation not in ACTIVATIONS:
        raise CheckpointError(f"unknown activation {activation!r} of a text encoder")
    heads = int(configuration.get("num_attention_heads", max(1, width // HEAD_CHANNELS)))
    even_share(width, heads, "heads")
    projected = "text_projection.weight" in shapes
    return ClipTextSpec(
        width=width,
        inner_width=shape_of(shapes, "text_model.encoder.layers.0.mlp.fc1.weight", 2)[0],
        heads=heads,
        layers=count(shapes, "text_model.encoder.layers."),
        activation=activation,
        projection_dim=shape_of(shapes, "text_projection.weight", 2)[0] if projected else None,
        vocabulary=vocabulary,
        positions=positions,
    )
