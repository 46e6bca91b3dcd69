"""Names of layers in diffusers, as they are known of Stable Diffusion XL, and there and back for all families."""

from __future__ import annotations

import pytest

from services.executor.diffusion.adapters.unet_names import diffusers_names, renamed
from services.executor.diffusion.checkpoints.diffusers_unet import ldm_names
from services.executor.diffusion.checkpoints.unet_structure import unet_spec
from tests.executor.diffusion.families.published import STRUCTURES, shapes_of
from tests.executor.diffusion.families.small import SMALL


def _in_diffusers(shapes: dict[str, tuple[int, ...]]) -> dict[str, str]:
    """All names there, by those here."""
    names = diffusers_names(unet_spec(shapes, {}))
    return {name: renamed(name, names) or "" for name in shapes}


@pytest.mark.parametrize(
    ("ldm", "diffusers"),
    [
        ("label_emb.0.2.bias", "add_embedding.linear_2.bias"),
        ("input_blocks.3.0.op.weight", "down_blocks.0.downsamplers.0.conv.weight"),
        (
            "input_blocks.8.1.transformer_blocks.9.attn2.to_out.0.bias",
            "down_blocks.2.attentions.1.transformer_blocks.9.attn2.to_out.0.bias",
        ),
        ("middle_block.1.proj_in.weight", "mid_block.attentions.0.proj_in.weight"),
        ("output_blocks.2.2.conv.bias", "up_blocks.0.upsamplers.0.conv.bias"),
        ("output_blocks.5.1.norm.weight", "up_blocks.1.attentions.2.norm.weight"),
        ("output_blocks.8.0.skip_connection.weight", "up_blocks.2.resnets.2.conv_shortcut.weight"),
    ],
)
def test_stable_diffusion_xl_has_the_names_of_diffusers(ldm: str, diffusers: str) -> None:
    assert _in_diffusers(shapes_of(STRUCTURES["sdxl"]))[ldm] == diffusers


@pytest.mark.parametrize("name", [*STRUCTURES, *(f"small {name}" for name in SMALL)])
def test_names_lead_there_and_back(name: str) -> None:
    structure = SMALL[name.removeprefix("small ")] if name.startswith("small") else STRUCTURES[name]
    shapes = shapes_of(structure)
    there = _in_diffusers(shapes)
    assert len(set(there.values())) == len(shapes)
    back = ldm_names({other: shapes[name] for name, other in there.items()})
    assert {name: renamed(other, back) for name, other in there.items()} == {name: name for name in shapes}


def test_a_picture_as_condition_has_a_name_of_its_own() -> None:
    names = ldm_names({})
    assert renamed("class_embedding.linear_2.bias", names) == "label_emb.0.2.bias"
    assert renamed("class_embedding.weight", names) == "label_emb.weight"
