"""Control networks as diffusers writes them, under the names of the LDM layout."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from services.executor.diffusion.adapters.unet_names import Kinds, encoder_names, renamed
from services.executor.diffusion.checkpoints.structure import Shapes, count
from services.executor.diffusion.control.control_net import HINT_STRIDES
from services.executor.diffusion.models.unet_spec import ConvSpec, DownsampleSpec, ResBlockSpec, TransformerSpec

MARK = "controlnet_cond_embedding.conv_in.weight"

_HINT = "controlnet_cond_embedding"


def in_ldm_layout(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by their names in the LDM layout; what that does not have keeps its name."""
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    names = {theirs: ours for ours, theirs in encoder_names(_input_blocks(shapes), _middle_block(shapes)).items()}
    names |= _own_names(shapes)
    return {renamed(name, names) or name: weight for name, weight in weights.items()}


def _own_names(shapes: Shapes) -> dict[str, str]:
    last = len(HINT_STRIDES) - 1
    return {
        f"{_HINT}.conv_in": "input_hint_block.0",
        **{f"{_HINT}.blocks.{number}": f"input_hint_block.{number * 2 + 2}" for number in range(last - 1)},
        f"{_HINT}.conv_out": f"input_hint_block.{last * 2}",
        **{
            f"controlnet_down_blocks.{number}": f"zero_convs.{number}.0"
            for number in range(count(shapes, "controlnet_down_blocks."))
        },
        "controlnet_mid_block": "middle_block_out.0",
    }


def _input_blocks(shapes: Shapes) -> list[Kinds]:
    blocks: list[Kinds] = [(ConvSpec,)]
    for level in range(count(shapes, "down_blocks.")):
        group = f"down_blocks.{level}"
        transformers = count(shapes, f"{group}.attentions.")
        blocks += [
            (ResBlockSpec, TransformerSpec) if place < transformers else (ResBlockSpec,)
            for place in range(count(shapes, f"{group}.resnets."))
        ]
        if f"{group}.downsamplers.0.conv.weight" in shapes:
            blocks.append((DownsampleSpec,))
    return blocks


def _middle_block(shapes: Shapes) -> Kinds:
    transformers = count(shapes, "mid_block.attentions.")
    return (ResBlockSpec, *(TransformerSpec, ResBlockSpec) * transformers)
