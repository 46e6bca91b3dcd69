"""Small control networks with random weights, of every family and in every layout."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.adapters.unet_names import diffusers_names, renamed
from services.executor.diffusion.checkpoints import load_checkpoint
from services.executor.diffusion.checkpoints.weights_file import named_weights
from services.executor.diffusion.control.control_net import ControlNet, ControlNetSpec
from services.executor.diffusion.control.reading import in_one_layout
from services.executor.diffusion.control.union import UnionControlNet, UnionSpec
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from tests.executor.diffusion.golden import GOLDEN

HINT_WIDTHS = (3, 16, 16, 16, 32, 32, 48, 64)
CONFIGURATIONS: dict[str, dict[str, Any]] = {"sd15_small": {"num_heads": 8}, "sdxl_small": {"num_head_channels": 8}}
RECORDED = GOLDEN / "models" / "controlnet" / "cn_small.safetensors"


@cache
def model(checkpoint: str = "sd15_small") -> LatentDiffusionModel:
    """The diffusion model of a checkpoint."""
    found = load_checkpoint(GOLDEN / "models" / "checkpoints" / f"{checkpoint}.safetensors").model
    assert found is not None
    return found


def recorded_weights() -> dict[str, Tensor]:
    """The weights of the recorded network, in the LDM layout."""
    return in_one_layout(named_weights(RECORDED, "a control network"))


def random_weights(checkpoint: str = "sd15_small", union: UnionSpec | None = None, seed: int = 0) -> dict[str, Tensor]:
    """Weights of a control network for the model of a checkpoint, whose encoder's weights are the model's."""
    unet = model(checkpoint).unet
    spec = ControlNetSpec(unet.spec, HINT_WIDTHS)
    with torch.device("meta"):
        network = ControlNet(spec) if union is None else UnionControlNet(spec, union)
    generator = torch.Generator().manual_seed(seed)
    drawn = {
        name: torch.randn(weight.shape, generator=generator) * 0.1 for name, weight in network.state_dict().items()
    }
    own = unet.state_dict()
    return {name: own[name].float() if name in own else weight for name, weight in drawn.items()}


def in_diffusers_layout(weights: dict[str, Tensor], checkpoint: str) -> dict[str, Tensor]:
    """The same weights by the names that diffusers has for them."""
    names = diffusers_names(model(checkpoint).unet.spec) | {
        "input_hint_block.0": "controlnet_cond_embedding.conv_in",
        **{f"input_hint_block.{2 + 2 * number}": f"controlnet_cond_embedding.blocks.{number}" for number in range(6)},
        "input_hint_block.14": "controlnet_cond_embedding.conv_out",
        **{f"zero_convs.{number}.0": f"controlnet_down_blocks.{number}" for number in range(12)},
        "middle_block_out.0": "controlnet_mid_block",
    }
    return {renamed(name, names) or name: weight for name, weight in weights.items()}


def control_lora_weights(checkpoint: str = "sd15_small", rank: int = 4) -> dict[str, Tensor]:
    """Weights of a Control-LoRA for the model of a checkpoint, which leaves downsampling as it is."""
    own = model(checkpoint).unet.state_dict()
    generator = torch.Generator().manual_seed(5)
    weights = {}
    for name, weight in random_weights(checkpoint).items():
        if name not in own:
            weights[name] = weight
        elif name.endswith(".weight") and weight.dim() > 1 and ".op." not in name:
            layer = name.removesuffix(".weight")
            ones = (1,) * (weight.dim() - 2)
            weights[f"{layer}.up"] = torch.randn(len(weight), rank, *ones, generator=generator) * 0.1
            weights[f"{layer}.down"] = torch.randn(rank, *weight.shape[1:], generator=generator) * 0.1
        elif name.endswith(".bias") and "middle_block" in name:
            weights[name] = weight + torch.randn(weight.shape, generator=generator) * 0.1
    return weights
