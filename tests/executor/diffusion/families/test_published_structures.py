from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from services.executor.diffusion.checkpoints.unet_structure import unet_spec
from services.executor.diffusion.families import family_of
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.unet_spec import TransformerSpec, UNetSpec
from tests.executor.diffusion.families.published import STRUCTURES, shapes_of

FAMILIES = {
    "sd15": "Stable Diffusion 1",
    "instruct-pix2pix": "Stable Diffusion 1",
    "sd2": "Stable Diffusion 2",
    "sd21-unclip": "Stable Diffusion 2 unCLIP",
    "sdxl": "Stable Diffusion XL",
    "ssd": "Stable Diffusion XL",
    "segmind": "Stable Diffusion XL",
    "koala": "Stable Diffusion XL",
    "sdxl-refiner": "Stable Diffusion XL refiner",
    "x4": "Stable Diffusion 2 upscaler",
}
BESIDE = {"inpainting": "Inpainting", "pix2pix": "Editing", "depth": "Depth", "upscaler": "Enlarging"}


def _spec(name: str) -> UNetSpec:
    return unet_spec(shapes_of(STRUCTURES[name]), {})


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_published_network_is_built_weight_for_weight(name: str) -> None:
    with torch.device("meta"):
        unet = UNet(_spec(name))
    built = {weight: tuple(tensor.shape) for weight, tensor in unet.state_dict().items()}
    assert built == shapes_of(STRUCTURES[name])


@pytest.mark.parametrize("name", [name for name, structure in STRUCTURES.items() if structure.parameters])
def test_a_published_network_has_as_many_parameters_as_its_makers_count(name: str) -> None:
    shapes = shapes_of(STRUCTURES[name])
    assert sum(math.prod(shape) for shape in shapes.values()) == STRUCTURES[name].parameters


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_published_network_is_of_its_family(name: str) -> None:
    family = family_of(_spec(name))
    assert family is not None
    longest = max((start for start in FAMILIES if name.startswith(start)), key=len)
    assert family.name == FAMILIES[longest]


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_published_network_is_given_what_it_was_trained_with_beside_the_latent(name: str) -> None:
    spec = _spec(name)
    beside = next((kind for part, kind in BESIDE.items() if name.endswith(part)), None)
    family = family_of(spec)
    assert family is not None
    found = family.concatenation_of(spec.in_channels - spec.out_channels)
    assert (type(found).__name__ if found else None) == beside


@pytest.mark.parametrize(("name", "rule"), [("sd15", [8]), ("sd21", [5, 10, 20]), ("sdxl", [10, 20])])
def test_heads_follow_the_rule_of_the_family(name: str, rule: list[int]) -> None:
    layers = [layer for block in _spec(name).input_blocks for layer in block]
    assert sorted({layer.heads for layer in layers if isinstance(layer, TransformerSpec)}) == rule


def test_a_network_that_is_told_a_task_is_not_taken_for_one_that_is_shown_pictures() -> None:
    lotus = replace(STRUCTURES["sd21"], vector=4)
    assert family_of(unet_spec(shapes_of(lotus), {})) is None
