"""What diffusers, and with it most trainers, call the layers of a UNet that is laid out as in LDM checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from services.executor.diffusion.models.unet_spec import (
    BlockSpec,
    DownsampleSpec,
    LayerSpec,
    ResBlockSpec,
    TransformerSpec,
    UNetSpec,
    UpsampleSpec,
)

Kinds = tuple[type[LayerSpec], ...]
"""The layers of a block by their kinds."""

_RES_BLOCK = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}

_ENDS = {
    "input_blocks.0.0": "conv_in",
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "add_embedding.linear_1",
    "label_emb.0.2": "add_embedding.linear_2",
    "label_emb": "class_embedding",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}


def diffusers_names(spec: UNetSpec) -> dict[str, str]:
    """By the beginning of a layer's name in the LDM layout, that of its name in diffusers."""
    (middle_block,) = _kinds([spec.middle_block])
    return whole_names(_kinds(spec.input_blocks), middle_block, _kinds(spec.output_blocks))


def whole_names(input_blocks: Sequence[Kinds], middle_block: Kinds, output_blocks: Sequence[Kinds]) -> dict[str, str]:
    """The same of a UNet that is made of layers of these kinds."""
    return {
        **encoder_names(input_blocks, middle_block),
        **dict(_levels("output_blocks", "up_blocks", output_blocks, first=0)),
    }


def encoder_names(input_blocks: Sequence[Kinds], middle_block: Kinds) -> dict[str, str]:
    """The same of the half of a UNet that makes its features smaller, which is made of layers of these kinds."""
    return {
        **_ENDS,
        **dict(_levels("input_blocks", "down_blocks", input_blocks, first=1)),
        **dict(_numbered("middle_block", "mid_block", middle_block)),
    }


def renamed(name: str, names: Mapping[str, str]) -> str | None:
    """A name whose longest beginning that is in `names` is replaced by what it is called there; None if none is."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        beginning = ".".join(parts[:length])
        if beginning in names:
            return ".".join([names[beginning], *parts[length:]])
    return None


def _kinds(blocks: Sequence[BlockSpec]) -> list[Kinds]:
    return [tuple(type(layer) for layer in block) for block in blocks]


def _levels(ldm: str, diffusers: str, blocks: Sequence[Kinds], first: int) -> Iterator[tuple[str, str]]:
    # Diffusers groups the blocks of one size; each group ends with the layer that changes it.
    level = place = 0
    for number, block in enumerate(blocks[first:], first):
        for index, kind in enumerate(block):
            yield from _layer(kind, f"{ldm}.{number}.{index}", f"{diffusers}.{level}", place, place)
        place += 1
        if block[-1] in (DownsampleSpec, UpsampleSpec):
            level, place = level + 1, 0


def _numbered(ldm: str, diffusers: str, block: Kinds) -> Iterator[tuple[str, str]]:
    res_blocks = transformers = 0
    for index, kind in enumerate(block):
        yield from _layer(kind, f"{ldm}.{index}", diffusers, res_blocks, transformers)
        res_blocks += kind is ResBlockSpec
        transformers += kind is TransformerSpec


def _layer(kind: type[LayerSpec], ldm: str, group: str, res_block: int, transformer: int) -> Iterator[tuple[str, str]]:
    if kind is ResBlockSpec:
        for inner, name in _RES_BLOCK.items():
            yield f"{ldm}.{inner}", f"{group}.resnets.{res_block}.{name}"
    elif kind is TransformerSpec:
        yield ldm, f"{group}.attentions.{transformer}"
    elif kind is DownsampleSpec:
        yield f"{ldm}.op", f"{group}.downsamplers.0.conv"
    elif kind is UpsampleSpec:
        yield f"{ldm}.conv", f"{group}.upsamplers.0.conv"
