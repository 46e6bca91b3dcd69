"""T2I-Adapters: sizes and places of their features, and their layouts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.control.t2i_adapter import T2IAdapter, T2IAdapterSpec
from services.executor.diffusion.control.t2i_reading import in_published_layout, is_adapter, t2i_adapter
from services.executor.diffusion.models.unet import UNet
from tests.executor.diffusion.control.nets import model
from tools.train_tiny.unet import Ladder, spec_of

SD1_WIDTHS = (32, 32, 32, 64)  # of the small model that was recorded
XL_LADDER = Ladder(channels=16, mult=(1, 2, 4), attention=(False, True, True), head_channels=16, res_blocks=2)
XL_WIDTHS = (16, 32, 64, 64)
SPECS = {
    "full": T2IAdapterSpec(3, SD1_WIDTHS),
    "grey": T2IAdapterSpec(1, SD1_WIDTHS, kernel=3, has_strides=True),
    "light": T2IAdapterSpec(3, SD1_WIDTHS, light_widths=(8, 16, 16, 32), light_blocks=3),
    "xl": T2IAdapterSpec(3, XL_WIDTHS, is_xl=True),
}


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def weights(name: str) -> dict[str, Tensor]:
    """Random weights of an adapter."""
    with torch.device("meta"):
        network = T2IAdapter(SPECS[name])
    generator = torch.Generator().manual_seed(4)
    return {name: torch.randn(weight.shape, generator=generator) * 0.1 for name, weight in network.state_dict().items()}


def in_diffusers_layout(published: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The same by the names that diffusers has for them."""
    renamed = {}
    for key, weight in published.items():
        parts = key.split(".")
        if parts[0] == "body" and name == "light":
            parts[2:3] = ["resnets"] if parts[2] == "body" else [parts[2]]
        elif parts[0] == "body":
            level, number = divmod(int(parts[1]), 2)
            parts[1:2] = [str(level)] if parts[2] == "in_conv" else [str(level), "resnets", str(number)]
        renamed[".".join(["adapter", *parts])] = weight
    return renamed


def unet(name: str) -> UNet:
    if name != "xl":
        return model().unet
    torch.manual_seed(0)
    return UNet(spec_of(XL_LADDER)).eval()


@pytest.mark.parametrize("name", SPECS)
def test_its_structure_is_read_from_the_weights(name: str) -> None:
    assert t2i_adapter(weights(name)).spec == SPECS[name]


@pytest.mark.parametrize("name", ["full", "light", "xl"])
def test_the_layout_of_diffusers_gives_the_same_adapter(name: str) -> None:
    other = in_diffusers_layout(weights(name), name)
    assert not is_adapter(other)
    found = in_published_layout(other)
    assert found.keys() == weights(name).keys()
    assert all(torch.equal(found[key], weight) for key, weight in weights(name).items())


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("size", [(16, 16), (24, 18), (17, 23)], ids=str)
def test_its_features_fit_the_models_at_every_size(name: str, size: tuple[int, int]) -> None:
    spec, network = SPECS[name], unet(name)
    square = spec.unshuffle
    height, width = (-(-side * 8 // square) * square for side in size)
    control = t2i_adapter(weights(name))(torch.rand(2, spec.channels_in, height, width))
    context = torch.ones(2, 7, network.spec.context_dim)
    given: tuple[Any, ...] = (torch.randn(2, 4, *size), torch.tensor([5.0, 9.0]), context)
    assert not torch.allclose(network(*given, control=control), network(*given))


@pytest.mark.parametrize(
    ("name", "places", "in_middle"), [("full", [2, 5, 8, 11], 0), ("light", [2, 5, 8, 11], 0), ("xl", [3, 5, 8], 1)]
)
def test_its_features_are_added_at_the_ends_of_levels(name: str, places: list[int], in_middle: int) -> None:
    control = t2i_adapter(weights(name))(torch.rand(1, 3, 128, 128))
    inputs = list(reversed(control["input"]))
    assert [number for number, features in enumerate(inputs) if features is not None] == places
    assert len(control["middle"]) == in_middle


def test_its_numbers_are_those_of_the_layers_one_after_the_other() -> None:
    given, pictures = weights("full"), torch.rand(1, 3, 64, 64)

    def conv(features: Tensor, name: str, padding: int) -> Tensor:
        return functional.conv2d(features, given[f"{name}.weight"], given[f"{name}.bias"], padding=padding)

    # Squares of 8x8 pixels to channels: of each channel, row after row.
    features = pictures.reshape(1, 3, 8, 8, 8, 8).permute(0, 1, 3, 5, 2, 4).reshape(1, 192, 8, 8)
    features = conv(features, "conv_in", 1)
    levels = []
    for number in range(8):
        if number in (2, 4, 6):
            features = nn.AvgPool2d(2)(features)
        if number == 6:
            features = conv(features, "body.6.in_conv", 0)
        inner = functional.relu(conv(features, f"body.{number}.block1", 1))
        features = features + conv(inner, f"body.{number}.block2", 0)
        levels += [features] if number % 2 else []
    found = [features for features in t2i_adapter(given)(pictures)["input"] if features is not None]
    for one, other in zip(reversed(found), levels, strict=True):
        torch.testing.assert_close(one, other)


def test_one_for_pictures_of_other_squares_is_refused() -> None:
    wrong = weights("full") | {"conv_in.weight": torch.zeros(32, 100, 3, 3)}
    with pytest.raises(CheckpointError, match="it takes pictures as 100 channels, 64, 192, 256, 768 are known"):
        t2i_adapter(wrong)


def test_one_that_lacks_a_weight_is_refused_with_its_name() -> None:
    given = weights("light")
    del given["body.2.body.1.block2.bias"]
    with pytest.raises(CheckpointError, match=r"body\.2\.body\.1\.block2\.bias is missing"):
        t2i_adapter(given)
