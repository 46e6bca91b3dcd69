"""Control networks as diffusers writes them, under the names of the LDM layout."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from services.executor.diffusion.adapters.unet_names import encoder_names, renamed
from services.executor.diffusion.checkpoints.diffusers_unet import input_blocks, middle_block
from services.executor.diffusion.checkpoints.structure import Shapes, count
from services.executor.diffusion.control.control_net import HINT_STRIDES

MARK = "controlnet_cond_embedding.conv_in.weight"

_HINT = "controlnet_cond_embedding"


def in_ldm_layout(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by their names in the LDM layout; what that does not have keeps its name."""
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    names = {theirs: ours for ours, theirs in encoder_names(input_blocks(shapes), middle_block(shapes)).items()}
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
