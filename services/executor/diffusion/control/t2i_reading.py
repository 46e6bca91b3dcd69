"""T2I-Adapters made of the weights in a file, which stay in their dtype."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from services.executor.diffusion.adapters.unet_names import renamed
from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.structure import Shapes, count, even_share, shape_of
from services.executor.diffusion.control.t2i_adapter import BLOCKS, T2IAdapter, T2IAdapterSpec

FULL, LIGHT = "body.0.block1.weight", "body.0.body.0.block1.weight"

_DIFFUSERS = "adapter."
_SQUARES = {64: False, 192: False, 256: True, 768: True}
"""By the channels that squares of pixels become, of grey and of coloured pictures, whether it is for XL."""


def is_adapter(weights: Mapping[str, Tensor]) -> bool:
    """Whether weights, by their published names, are those of an adapter."""
    return FULL in weights or LIGHT in weights


def in_published_layout(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names that were published; those of diffusers are known, others come out as they are."""
    if not any(name.startswith(f"{_DIFFUSERS}body.") for name in weights):
        return dict(weights)
    levels = count(shapes_of(weights), f"{_DIFFUSERS}body.")
    is_light = f"{_DIFFUSERS}body.0.out_conv.weight" in weights
    names = {f"{_DIFFUSERS}conv_in": "conv_in"}
    for level in range(levels):
        theirs = f"{_DIFFUSERS}body.{level}"
        if is_light:
            names |= {f"{theirs}.resnets": f"body.{level}.body", theirs: f"body.{level}"}
        else:
            names[theirs] = f"body.{level * BLOCKS}"
            for number in range(BLOCKS):
                names[f"{theirs}.resnets.{number}"] = f"body.{level * BLOCKS + number}"
    return {renamed(name, names) or name: weight for name, weight in weights.items()}


def t2i_adapter(weights: Mapping[str, Tensor]) -> T2IAdapter:
    """The adapter with these weights, by their published names.

    Raises:
        CheckpointError: it is none, or not all of it.
    """
    shapes = shapes_of(weights)
    spec = _light_spec(shapes) if LIGHT in shapes else _full_spec(shapes)
    with torch.device("meta"):
        network = T2IAdapter(spec)
    return filled(network, weights)


def _full_spec(shapes: Shapes) -> T2IAdapterSpec:
    levels = even_share(count(shapes, "body."), BLOCKS, "blocks of a level")
    squares = shape_of(shapes, "conv_in.weight", 4)[1]
    is_xl = _is_xl(squares)
    return T2IAdapterSpec(
        channels_in=squares // (256 if is_xl else 64),
        widths=tuple(shape_of(shapes, f"body.{level * BLOCKS}.block1.weight", 4)[0] for level in range(levels)),
        is_xl=is_xl,
        kernel=shape_of(shapes, "body.0.block2.weight", 4)[2],
        has_strides=any(name.endswith("down_opt.op.weight") for name in shapes),
    )


def _light_spec(shapes: Shapes) -> T2IAdapterSpec:
    levels = range(count(shapes, "body."))
    squares = shape_of(shapes, "body.0.in_conv.weight", 4)[1]
    is_xl = _is_xl(squares)
    return T2IAdapterSpec(
        channels_in=squares // (256 if is_xl else 64),
        widths=tuple(shape_of(shapes, f"body.{level}.out_conv.weight", 4)[0] for level in levels),
        is_xl=is_xl,
        light_widths=tuple(shape_of(shapes, f"body.{level}.in_conv.weight", 4)[0] for level in levels),
        light_blocks=count(shapes, "body.0.body."),
    )


def _is_xl(squares: int) -> bool:
    if squares not in _SQUARES:
        raise CheckpointError(f"it takes pictures as {squares} channels, {', '.join(map(str, _SQUARES))} are known")
    return _SQUARES[squares]
