"""Steering of every family of models, small and with random weights."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.control import control_lora
from services.executor.diffusion.control.control_net import ControlNet, ControlNetSpec
from services.executor.diffusion.control.union import UnionControlNet, UnionSpec
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.unet_spec import BlockSpec, ConvSpec, EncoderSpec
from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.patching.control import ControlBase, controlnet_of
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sampling import sample
from tests.executor.diffusion.control.nets import HINT_WIDTHS
from tests.executor.diffusion.families.small import POOLED, SMALL, saved
from tests.executor.nodes.control.conftest import advanced, close

LAST = ("zero_convs", "middle_block_out")
FAMILIES = ("sd1-inpainting", "sd2", "sdxl", "sdxl-pruned", "sdxl-refiner")


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def model(family: str, tmp_path: Path) -> ModelPatcher:
    found = LoadedCheckpoints().get(saved(family, tmp_path)).model
    assert found
    return found


def drawn(network: torch.nn.Module, unet: UNet) -> dict[str, Tensor]:
    """Weights of a control network: those of the model's encoder where they fit, random ones elsewhere."""
    own, generator = unet.state_dict(), torch.Generator().manual_seed(1)
    return {
        name: own[name]
        if name in own and own[name].shape == weight.shape
        else torch.randn(weight.shape, generator=generator) * 0.1
        for name, weight in network.state_dict().items()
    }


def four_channels(unet: UNet) -> ControlNetSpec:
    """A control network for a model, which sees the noisy latent alone."""
    first: BlockSpec = (ConvSpec(4, unet.spec.model_channels),)
    own = {field.name: getattr(unet.spec, field.name) for field in fields(EncoderSpec)}
    seeing = {"in_channels": 4, "input_blocks": (first, *unet.spec.input_blocks[1:])}
    return ControlNetSpec(EncoderSpec(**{**own, **seeing}), HINT_WIDTHS)


def sampled(model: ModelPatcher, family: str, control_net: ControlBase | None) -> Tensor:
    """A latent after two steps."""
    generator = torch.Generator().manual_seed(2)
    options = {"pooled_output": torch.randn(1, POOLED, generator=generator)}
    positive, negative = ([[torch.randn(1, 7, SMALL[family].context, generator=generator), options]] for _ in range(2))
    if control_net is not None:
        positive, negative = advanced(positive, negative, control_net)  # type: ignore[assignment]
    settings: dict[str, Any] = {"seed": 3, "steps": 2, "cfg": 3.0, "sampler": "euler", "scheduler": "normal"}
    return sample(model, positive, negative, torch.zeros(2, 4, 16, 12), **settings)


@torch.inference_mode()
@pytest.mark.parametrize(
    "union", [None, UnionSpec(kinds=8, width=64, layers=1, kind_features=16)], ids=["one", "union"]
)
def test_a_control_network_steers_and_one_of_zeros_does_not(
    model: ModelPatcher, family: str, union: UnionSpec | None
) -> None:
    unet = model.model.diffusion_model
    with torch.device("meta"):
        spec = four_channels(unet)
        network = ControlNet(spec) if union is None else UnionControlNet(spec, union)
    weights = drawn(network, unet)
    zeros = {name: torch.zeros_like(weights[name]) if name.startswith(LAST) else weights[name] for name in weights}
    plain = sampled(model, family, None)
    assert torch.equal(sampled(model, family, controlnet_of(zeros, {})), plain)
    assert not close(sampled(model, family, controlnet_of(weights, {})), plain)


@torch.inference_mode()
def test_a_control_lora_steers_as_the_whole_network_does(model: ModelPatcher, family: str) -> None:
    unet = model.model.diffusion_model
    with torch.device("meta"):
        network = ControlNet(ControlNetSpec(unet.spec, HINT_WIDTHS))
    own = unet.state_dict()
    weights = {name: weight for name, weight in drawn(network, unet).items() if name not in own}
    for name, weight in own.items():
        if name.endswith("attn2.to_k.weight") and "output" not in name:
            layer = name.removesuffix(".weight")
            weights |= {
                f"{layer}.up": torch.ones(len(weight), 1) * 0.2,
                f"{layer}.down": torch.ones(1, weight.shape[1]),
            }
    steered = controlnet_of({**weights, control_lora.MARK: torch.zeros(0)}, {})
    if family == "sd1-inpainting":  # its network is shown nine channels
        with pytest.raises(ValueError, match="control_net: .* latents of 9 channels"):
            sampled(model, family, steered)
        return
    whole = controlnet_of(control_lora.of_model(unet, weights, torch.float32).state_dict(), {})
    expected = sampled(model, family, whole)
    assert close(sampled(model, family, steered), expected)
    assert not close(expected, sampled(model, family, None))
