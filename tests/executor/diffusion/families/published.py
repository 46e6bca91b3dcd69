"""The UNets of published models: names and shapes of their weights, from the configurations they were trained with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Structure:
    """A UNet of the LDM layout.

    Attributes:
        depths: of the transformers after the residual blocks of each level, 0 for none.
        middle: of the transformer in the middle; -1 when there is one residual block alone, -2 when there is nothing.
        up_depths: the same as `depths` for the way up, from the deepest level on.
        classes: how many numbers it is given one of.
        blind: the widths of transformers that attend to the prompt twice, and not to themselves.
        parameters: how many its makers count, where known.
    """

    depths: tuple[tuple[int, ...], ...]
    middle: int
    up_depths: tuple[tuple[int, ...], ...]
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    channels: int = 320
    context: int = 768
    linear: bool = True
    in_channels: int = 4
    out_channels: int = 4
    vector: int | None = None
    classes: int | None = None
    blind: tuple[int, ...] = ()
    parameters: int | None = None


def _even(*depths: int, blocks: int = 2) -> tuple[tuple[int, ...], ...]:
    return tuple((depth,) * blocks for depth in depths)


def _sd(**other: object) -> Structure:
    return Structure(_even(1, 1, 1, 0), 1, _even(0, 1, 1, 1, blocks=3), **other)  # type: ignore[arg-type]


def _xl(**other: object) -> Structure:
    given = {"multipliers": (1, 2, 4), "context": 2048, "vector": 2816, **other}
    return Structure(_even(0, 2, 10), 10, _even(10, 2, 0, blocks=3), **given)  # type: ignore[arg-type]


STRUCTURES = {
    "sd15": _sd(linear=False, parameters=859_520_964),
    "sd15-inpainting": _sd(linear=False, in_channels=9, parameters=859_535_364),
    "instruct-pix2pix": _sd(linear=False, in_channels=8),
    "sd21": _sd(context=1024, parameters=865_910_724),
    "sd2-inpainting": _sd(context=1024, in_channels=9),
    "sd2-depth": _sd(context=1024, in_channels=5),
    "sd21-unclip-l": _sd(context=1024, vector=1536),
    "sd21-unclip-h": _sd(context=1024, vector=2048),
    "sdxl": _xl(parameters=2_567_463_684),
    "sdxl-inpainting": _xl(in_channels=9),
    "sdxl-instruct-pix2pix": _xl(in_channels=8),
    "sdxl-refiner": Structure(
        _even(0, 4, 4, 0), 4, _even(0, 4, 4, 0, blocks=3), channels=384, context=1280, vector=2560
    ),
    "ssd-1b": Structure(_even(0, 2, 4), -1, ((4, 4, 10), (2, 1, 1), (0, 0, 0)), (1, 2, 4), context=2048, vector=2816),
    "segmind-vega": Structure(
        ((0, 0), (1, 1), (2, 2)), -1, ((2, 2, 2), (1, 1, 1), (0, 0, 0)), (1, 2, 4), context=2048, vector=2816
    ),
    "koala-700m": Structure(
        _even(0, 2, 5, blocks=1), -2, _even(5, 2, 0, blocks=2), (1, 2, 4), context=2048, vector=2816
    ),
    "x4-upscaler": Structure(
        _even(0, 1, 1, 1),
        1,
        _even(1, 1, 1, 0, blocks=3),
        (1, 2, 2, 4),
        channels=256,
        context=1024,
        in_channels=7,
        classes=1000,
        blind=(512,),
    ),
    "koala-1b": Structure(_even(0, 2, 6, blocks=1), 6, _even(6, 2, 0, blocks=2), (1, 2, 4), context=2048, vector=2816),
}


def shapes_of(structure: Structure) -> Shapes:
    """All weights of a UNet."""
    return dict(_weights(structure))


def random_weights(structure: Structure, prefix: str = "", seed: int = 0) -> dict[str, Tensor]:
    """Weights with which a UNet computes something, fp16."""
    generator = torch.Generator().manual_seed(seed)
    return {
        prefix + name: (
            torch.ones(shape) if len(shape) == 1 and name.endswith("weight") else _drawn(shape, generator)
        ).half()
        for name, shape in shapes_of(structure).items()
    }


def _drawn(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    inputs = torch.Size(shape[1:]).numel() or 1
    drawn: Tensor = torch.randn(shape, generator=generator) / max(inputs, 16) ** 0.5
    return drawn


def _weights(structure: Structure) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, embedding = structure.channels, structure.channels * 4
    yield from _linear("time_embed.0", width, embedding)
    yield from _linear("time_embed.2", embedding, embedding)
    if structure.vector is not None:
        yield from _linear("label_emb.0.0", structure.vector, embedding)
        yield from _linear("label_emb.0.2", embedding, embedding)
    if structure.classes is not None:
        yield "label_emb.weight", (structure.classes, embedding)
    yield from _conv("input_blocks.0.0", structure.in_channels, width, 3)
    skips, number, here = [width], 1, width
    for level, depths in enumerate(structure.depths):
        wide = width * structure.multipliers[level]
        for depth in depths:
            yield from _residual(f"input_blocks.{number}.0", here, wide, embedding)
            here = wide
            if depth:
                yield from _transformer(f"input_blocks.{number}.1", wide, depth, structure)
            skips.append(here)
            number += 1
        if level < len(structure.depths) - 1:
            yield from _conv(f"input_blocks.{number}.0.op", here, here, 3)
            skips.append(here)
            number += 1
    if structure.middle > -2:
        yield from _residual("middle_block.0", here, here, embedding)
    if structure.middle > -1:
        yield from _transformer("middle_block.1", here, structure.middle, structure)
        yield from _residual("middle_block.2", here, here, embedding)
    yield from _way_up(structure, skips, here, embedding)
    yield from _norm("out.0", width)
    yield from _conv("out.2", width, structure.out_channels, 3)


def _way_up(structure: Structure, skips: list[int], here: int, embedding: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    number = 0
    for level, depths in zip(reversed(range(len(structure.depths))), structure.up_depths, strict=True):
        wide = structure.channels * structure.multipliers[level]
        for place, depth in enumerate(depths):
            yield from _residual(f"output_blocks.{number}.0", here + skips.pop(), wide, embedding)
            here, layer = wide, 1
            if depth:
                yield from _transformer(f"output_blocks.{number}.1", wide, depth, structure)
                layer = 2
            if level and place == len(depths) - 1:
                yield from _conv(f"output_blocks.{number}.{layer}.conv", wide, wide, 3)
            number += 1


def _residual(name: str, narrow: int, wide: int, embedding: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _norm(f"{name}.in_layers.0", narrow)
    yield from _conv(f"{name}.in_layers.2", narrow, wide, 3)
    yield from _linear(f"{name}.emb_layers.1", embedding, wide)
    yield from _norm(f"{name}.out_layers.0", wide)
    yield from _conv(f"{name}.out_layers.3", wide, wide, 3)
    if narrow != wide:
        yield from _conv(f"{name}.skip_connection", narrow, wide, 1)


def _transformer(name: str, width: int, depth: int, structure: Structure) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _norm(f"{name}.norm", width)
    for projection in ("proj_in", "proj_out"):
        yield from (
            _linear(f"{name}.{projection}", width, width)
            if structure.linear
            else _conv(f"{name}.{projection}", width, width, 1)
        )
    for number in range(depth):
        block = f"{name}.transformer_blocks.{number}"
        first = structure.context if width in structure.blind else width
        for attention, context in (("attn1", first), ("attn2", structure.context)):
            yield f"{block}.{attention}.to_q.weight", (width, width)
            yield f"{block}.{attention}.to_k.weight", (width, context)
            yield f"{block}.{attention}.to_v.weight", (width, context)
            yield from _linear(f"{block}.{attention}.to_out.0", width, width)
        yield from _linear(f"{block}.ff.net.0.proj", width, width * 8)
        yield from _linear(f"{block}.ff.net.2", width * 4, width)
        for norm in ("norm1", "norm2", "norm3"):
            yield from _norm(f"{block}.{norm}", width)


def _linear(name: str, narrow: int, wide: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (wide, narrow)
    yield f"{name}.bias", (wide,)


def _conv(name: str, narrow: int, wide: int, size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (wide, narrow, size, size)
    yield f"{name}.bias", (wide,)


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)
