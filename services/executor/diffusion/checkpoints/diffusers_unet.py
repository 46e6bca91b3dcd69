"""UNets as diffusers writes them, under the names of the LDM layout."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from services.executor.diffusion.adapters.unet_names import Kinds, renamed, whole_names
from services.executor.diffusion.checkpoints.filling import shapes_of
from services.executor.diffusion.checkpoints.structure import Shapes, count
from services.executor.diffusion.models.unet_spec import (
    ConvSpec,
    DownsampleSpec,
    ResBlockSpec,
    TransformerSpec,
    UpsampleSpec,
)

MARK = "down_blocks.0.resnets.0.norm1.weight"

#: A vector condition that is a picture, which models of Stable Diffusion 2 may take, has a name of its own.
_PICTURE_EMBEDDING = {"class_embedding.linear_1": "label_emb.0.0", "class_embedding.linear_2": "label_emb.0.2"}


def in_ldm_layout(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by their names in the LDM layout; what that does not have keeps its name."""
    names = ldm_names(shapes_of(weights))
    return {renamed(name, names) or name: weight for name, weight in weights.items()}


def ldm_names(shapes: Shapes) -> dict[str, str]:
    """By the beginning of a layer's name in diffusers, that of its name in the LDM layout."""
    ours = whole_names(input_blocks(shapes), middle_block(shapes), output_blocks(shapes))
    return _PICTURE_EMBEDDING | {theirs: name for name, theirs in ours.items()}


def input_blocks(shapes: Shapes) -> list[Kinds]:
    """The layers of the blocks on the way down, by their kinds."""
    blocks: list[Kinds] = [(ConvSpec,)]
    for level in range(count(shapes, "down_blocks.")):
        group = f"down_blocks.{level}"
        blocks += _blocks(shapes, group)
        if f"{group}.downsamplers.0.conv.weight" in shapes:
            blocks.append((DownsampleSpec,))
    return blocks


def middle_block(shapes: Shapes) -> Kinds:
    """The layers in the middle: a transformer stands between two residual blocks."""
    transformers = count(shapes, "mid_block.attentions.")
    return (ResBlockSpec, *(TransformerSpec, ResBlockSpec) * transformers)


def output_blocks(shapes: Shapes) -> list[Kinds]:
    """The layers of the blocks on the way up, by their kinds."""
    blocks: list[Kinds] = []
    for level in range(count(shapes, "up_blocks.")):
        group = f"up_blocks.{level}"
        blocks += _blocks(shapes, group)
        if f"{group}.upsamplers.0.conv.weight" in shapes:
            blocks[-1] += (UpsampleSpec,)
    return blocks


def _blocks(shapes: Shapes, group: str) -> list[Kinds]:
    return [
        (ResBlockSpec, TransformerSpec) if f"{group}.attentions.{place}.norm.weight" in shapes else (ResBlockSpec,)
        for place in range(count(shapes, f"{group}.resnets."))
    ]
