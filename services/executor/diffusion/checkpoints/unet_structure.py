"""The structure of a UNet, from the names and shapes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.structure import Shapes, count, even_share, shape_of, under
from services.executor.diffusion.models.unet_spec import (
    BlockSpec,
    ConvSpec,
    DownsampleSpec,
    EncoderSpec,
    LayerSpec,
    ResBlockSpec,
    TransformerSpec,
    UNetSpec,
    UpsampleSpec,
)

VECTOR_WEIGHT = "label_emb.0.0.weight"
CLASS_WEIGHT = "label_emb.weight"
FEW_HEADS = 8
"""Stable Diffusion 1 and the upscaler of 2 have 8 heads everywhere; the others have heads of 64 channels."""
LATER_HEAD_CHANNELS = 64


def unet_spec(shapes: Shapes, configuration: Mapping[str, Any]) -> UNetSpec:
    """The structure of the UNet with these weights (names without the checkpoint's prefix).

    `configuration` may give `num_heads` or `num_head_channels`, and `group_width`, which no shape shows.

    Raises:
        CheckpointError: this is no UNet of the LDM layout.
    """
    encoder = encoder_spec(shapes, configuration)
    return UNetSpec(
        **vars(encoder),
        out_channels=shape_of(shapes, "out.2.weight", 4)[0],
        output_blocks=_Reader(shapes, configuration).blocks("output_blocks."),
    )


def encoder_spec(shapes: Shapes, configuration: Mapping[str, Any]) -> EncoderSpec:
    """The structure of the half of a UNet that makes its features smaller; arguments and errors as in `unet_spec`."""
    if "input_blocks.0.0.weight" not in shapes:
        raise CheckpointError(f"this is no UNet; {looks_like(shapes)}")
    reader = _Reader(shapes, configuration)
    first = shape_of(shapes, "input_blocks.0.0.weight", 4)
    vector = shape_of(shapes, VECTOR_WEIGHT, 2) if VECTOR_WEIGHT in shapes else None
    return EncoderSpec(
        in_channels=first[1],
        model_channels=first[0],
        context_dim=reader.context_dim(),
        input_blocks=reader.blocks("input_blocks."),
        middle_block=reader.block("middle_block."),
        adm_channels=None if vector is None else vector[1],
        classes=shape_of(shapes, CLASS_WEIGHT, 2)[0] if CLASS_WEIGHT in shapes else None,
        group_width=reader.group_width,
    )


class _Reader:
    def __init__(self, shapes: Shapes, configuration: Mapping[str, Any]) -> None:
        self._shapes = shapes
        self._heads = _positive(configuration, "num_heads")
        self._head_channels = _positive(configuration, "num_head_channels")
        self.group_width = _positive(configuration, "group_width") or 1

    def context_dim(self) -> int:
        for name in self._shapes:
            if name.endswith("attn2.to_k.weight"):
                return shape_of(self._shapes, name, 2)[1]
        raise CheckpointError("unknown architecture: a UNet without cross-attention")

    def blocks(self, prefix: str) -> tuple[BlockSpec, ...]:
        return tuple(self.block(f"{prefix}{index}.") for index in range(count(self._shapes, prefix)))

    def block(self, prefix: str) -> BlockSpec:
        layers = under(self._shapes, prefix)
        return tuple(self._layer(under(layers, f"{index}."), f"{prefix}{index}") for index in range(count(layers, "")))

    def _layer(self, shapes: Shapes, name: str) -> LayerSpec:
        if "in_layers.0.weight" in shapes:
            wide, narrow = shape_of(shapes, "in_layers.2.weight", 4)[:2]
            return ResBlockSpec(narrow, wide, shape_of(shapes, "emb_layers.1.weight", 2)[1], self.group_width)
        if "proj_in.weight" in shapes:
            return self._transformer(shapes)
        if "op.weight" in shapes:
            return DownsampleSpec(shape_of(shapes, "op.weight", 4)[0])
        if "conv.weight" in shapes:
            return UpsampleSpec(shape_of(shapes, "conv.weight", 4)[0])
        if "weight" in shapes:
            wide, narrow = shape_of(shapes, "weight", 4)[:2]
            return ConvSpec(narrow, wide)
        raise CheckpointError(f"unknown architecture: {name} is no layer of a known kind")

    def _transformer(self, shapes: Shapes) -> TransformerSpec:
        linear = len(shapes["proj_in.weight"]) == 2
        channels = shape_of(shapes, "proj_in.weight", 2 if linear else 4)[0]
        return TransformerSpec(
            channels=channels,
            depth=count(shapes, "transformer_blocks."),
            context_dim=shape_of(shapes, "transformer_blocks.0.attn2.to_k.weight", 2)[1],
            heads=self._head_count(channels, linear),
            linear_projection=linear,
            attends_itself=shape_of(shapes, "transformer_blocks.0.attn1.to_k.weight", 2)[1] == channels,
            group_width=self.group_width,
        )

    def _head_count(self, channels: int, linear: bool) -> int:
        if self._head_channels is not None:
            return even_share(channels, self._head_channels, "channels of a head")
        has_few = not linear or CLASS_WEIGHT in self._shapes
        heads = self._heads or (FEW_HEADS if has_few else channels // LATER_HEAD_CHANNELS)
        even_share(channels, heads, "heads")
        return heads


def _positive(configuration: Mapping[str, Any], name: str) -> int | None:
    value = configuration.get(name)
    return value if isinstance(value, int) and value > 0 else None
