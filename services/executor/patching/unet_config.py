"""The structure of a UNet as node packs read it: the arguments that LDM's code would make it from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from services.executor.diffusion.models.unet_spec import (
    BlockSpec,
    DownsampleSpec,
    ResBlockSpec,
    TransformerSpec,
    UNetSpec,
)


def unet_config(spec: UNetSpec) -> dict[str, Any]:
    """The arguments; depths are listed block by block, those of the way up from its last block to its first."""
    levels = _levels(spec.input_blocks[1:])
    return {
        "image_size": 32,
        "in_channels": spec.in_channels,
        "out_channels": spec.out_channels,
        "model_channels": spec.model_channels,
        "num_res_blocks": [len(level) for level in levels],
        "channel_mult": [_width(level[-1]) // spec.model_channels for level in levels],
        "transformer_depth": [_depth(block) for block in itertools.chain(*levels)],
        "transformer_depth_output": [_depth(block) for block in reversed(spec.output_blocks)],
        "transformer_depth_middle": _middle(spec.middle_block),
        "context_dim": spec.context_dim,
        "use_spatial_transformer": True,
        "use_linear_in_transformer": spec.linear_projection,
        "use_temporal_attention": False,
        "use_temporal_resblock": False,
        "legacy": False,
        **_vector(spec),
        **_heads(spec),
    }


def _levels(blocks: Iterable[BlockSpec]) -> list[list[BlockSpec]]:
    """The blocks between those that make features smaller."""
    levels: list[list[BlockSpec]] = [[]]
    for block in blocks:
        if isinstance(block[0], DownsampleSpec):
            levels.append([])
        else:
            levels[-1].append(block)
    return levels


def _width(block: BlockSpec) -> int:
    return next(layer.out_channels for layer in block if isinstance(layer, ResBlockSpec))


def _depth(block: BlockSpec) -> int:
    return sum(layer.depth for layer in block if isinstance(layer, TransformerSpec))


def _middle(block: BlockSpec) -> int:
    """The depth of the transformer in the middle; -1 when there is none, -2 when there is no middle."""
    return _depth(block) or (-1 if block else -2)


def _vector(spec: UNetSpec) -> dict[str, Any]:
    if spec.classes is not None:
        return {"adm_in_channels": None, "num_classes": spec.classes}
    if spec.adm_channels is None:
        return {"adm_in_channels": None}
    return {"adm_in_channels": spec.adm_channels, "num_classes": "sequential"}


def _heads(spec: UNetSpec) -> dict[str, int]:
    """Families have either as many heads everywhere, or as many channels in a head; -1 stands for what follows."""
    transformer = next(layer for layer in _layers(spec) if isinstance(layer, TransformerSpec))
    if spec.linear_projection and spec.classes is None:
        return {"num_heads": -1, "num_head_channels": transformer.channels // transformer.heads}
    return {"num_heads": transformer.heads, "num_head_channels": -1}


def _layers(spec: UNetSpec) -> Sequence[Any]:
    return [*itertools.chain(*spec.input_blocks, spec.middle_block, *spec.output_blocks)]
