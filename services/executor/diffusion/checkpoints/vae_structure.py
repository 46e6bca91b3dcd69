"""The structure of a KL autoencoder, from the names and shapes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.executor.diffusion.checkpoints.structure import Shapes, count, shape_of
from services.executor.diffusion.models.vae import VaeSpec


def vae_spec(shapes: Shapes, configuration: Mapping[str, Any]) -> VaeSpec:
    """The structure of the autoencoder with these weights (names without the checkpoint's prefix).

    `configuration` may give `group_width`, which no shape shows.

    Raises:
        CheckpointError: this is no autoencoder of the LDM layout.
    """
    channels, image_channels = shape_of(shapes, "encoder.conv_in.weight", 4)[:2]
    levels = count(shapes, "encoder.down.")
    widths = [shape_of(shapes, f"encoder.down.{level}.block.0.conv2.weight", 4)[0] for level in range(levels)]
    return VaeSpec(
        channels=channels,
        channel_mult=tuple(width // channels for width in widths),
        res_blocks=count(shapes, "encoder.down.0.block."),
        latent_channels=shape_of(shapes, "decoder.conv_in.weight", 4)[1],
        image_channels=image_channels,
        group_width=int(configuration.get("group_width", 1)),
    )
