"""Names of layers, as they are known of Stable Diffusion 1."""

from __future__ import annotations

import pytest

from services.executor.diffusion.adapters.unet_names import diffusers_names
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]


@pytest.mark.parametrize(
    ("ldm", "diffusers"),
    [
        ("input_blocks.0.0", "conv_in"),
        ("input_blocks.2.1", "down_blocks.0.attentions.1"),
        ("input_blocks.3.0.op", "down_blocks.0.downsamplers.0.conv"),
        ("input_blocks.4.0.skip_connection", "down_blocks.1.resnets.0.conv_shortcut"),
        ("input_blocks.11.0.emb_layers.1", "down_blocks.3.resnets.1.time_emb_proj"),
        ("middle_block.1", "mid_block.attentions.0"),
        ("middle_block.2.out_layers.3", "mid_block.resnets.1.conv2"),
        ("output_blocks.2.1.conv", "up_blocks.0.upsamplers.0.conv"),
        ("output_blocks.3.1", "up_blocks.1.attentions.0"),
        ("output_blocks.11.0.in_layers.0", "up_blocks.3.resnets.2.norm1"),
    ],
)
def test_layers_have_the_names_of_diffusers(loaded: Loaded, ldm: str, diffusers: str) -> None:
    assert diffusers_names(loaded.model.model.diffusion_model.spec)[ldm] == diffusers
