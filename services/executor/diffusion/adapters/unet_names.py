"""What diffusers, and with it most trainers, call the layers of a UNet that is laid out as in LDM checkpoints."""

from __future__ import annotations

from collections.abc import Iterator

from services.executor.diffusion.models.unet_spec import (
    BlockSpec,
    DownsampleSpec,
    LayerSpec,
    ResBlockSpec,
    TransformerSpec,
    UNetSpec,
    UpsampleSpec,
)

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
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}


def diffusers_names(spec: UNetSpec) -> dict[str, str]:
    """By the beginning of a layer's name in the LDM layout, that of its name in diffusers."""
    return {
        **_ENDS,
        **dict(_levels("input_blocks", "down_blocks", spec.input_blocks, first=1)),
        **dict(_numbered("middle_block", "mid_block", spec.middle_block)),
        **dict(_levels("output_blocks", "up_blocks", spec.output_blocks, first=0)),
    }


def _levels(ldm: str, diffusers: str, blocks: tuple[BlockSpec, ...], first: int) -> Iterator[tuple[str, str]]:
    # Diffusers groups the blocks of one size; each group ends with the layer that changes it.
    level = place = 0
    for number, block in enumerate(blocks[first:], first):
        for index, layer in enumerate(block):
            yield from _layer(layer, f"{ldm}.{number}.{index}", f"{diffusers}.{level}", place, place)
        place += 1
        if isinstance(block[-1], DownsampleSpec | UpsampleSpec):
            level, place = level + 1, 0


def _numbered(ldm: str, diffusers: str, block: BlockSpec) -> Iterator[tuple[str, str]]:
    res_blocks = transformers = 0
    for index, layer in enumerate(block):
        yield from _layer(layer, f"{ldm}.{index}", diffusers, res_blocks, transformers)
        res_blocks += isinstance(layer, ResBlockSpec)
        transformers += isinstance(layer, TransformerSpec)


def _layer(layer: LayerSpec, ldm: str, group: str, res_block: int, transformer: int) -> Iterator[tuple[str, str]]:
    match layer:
        case ResBlockSpec():
            for inner, name in _RES_BLOCK.items():
                yield f"{ldm}.{inner}", f"{group}.resnets.{res_block}.{name}"
        case TransformerSpec():
            yield ldm, f"{group}.attentions.{transformer}"
        case DownsampleSpec():
            yield f"{ldm}.op", f"{group}.downsamplers.0.conv"
        case UpsampleSpec():
            yield f"{ldm}.conv", f"{group}.upsamplers.0.conv"
