"""Residual-in-residual dense blocks.

Wang et al. 2018, "ESRGAN", https://arxiv.org/abs/1809.00219; with pixel-unshuffled inputs Wang et al. 2021,
"Real-ESRGAN", https://arxiv.org/abs/2107.10833; with a second residual path Rakotonirina and Rasoanaivo 2020,
"ESRGAN+", https://arxiv.org/abs/2001.08073.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.checkpoints.structure import count, shape_of
from services.executor.upscalers.architecture import Architecture, Network, Weights, shapes_of
from services.executor.upscalers.esrgan_names import is_esrgan, with_todays_names
from services.executor.upscalers.sizes import SizeRequirements

SLOPE = 0.2
RESIDUAL_SHARE = 0.2
#: Sides of the squares of pixels that some files take apart into channels before the first convolution.
UNSHUFFLED = (2, 4)
#: Sides of pictures of which pixels are taken apart are multiples of the largest such square.
SHUFFLED_MULTIPLE = UNSHUFFLED[-1]


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees what all those before it gave."""

    def __init__(self, channels: int, growth: int, *, plus: bool) -> None:
        super().__init__()
        for number in range(1, 6):
            seen, given = channels + (number - 1) * growth, channels if number == 5 else growth
            self.add_module(f"conv{number}", nn.Conv2d(seen, given, 3, padding=1))
        self.conv1x1 = nn.Conv2d(channels, growth, 1, bias=False) if plus else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, height, width)."""
        seen = [x]
        for number in range(1, 5):
            given = functional.leaky_relu(self._convolved(number, seen), SLOPE)
            if self.conv1x1 is not None and number % 2 == 0:
                given = given + (self.conv1x1(x) if number == 2 else seen[2])
            seen.append(given)
        return x + RESIDUAL_SHARE * self._convolved(5, seen)

    def _convolved(self, number: int, seen: list[Tensor]) -> Tensor:
        convolved: Tensor = self.get_submodule(f"conv{number}")(torch.cat(seen, 1))
        return convolved


class ResidualDenseBlocks(nn.Module):
    """Three dense blocks with a residual connection around them."""

    def __init__(self, channels: int, growth: int, *, plus: bool) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(channels, growth, plus=plus)
        self.rdb2 = DenseBlock(channels, growth, plus=plus)
        self.rdb3 = DenseBlock(channels, growth, plus=plus)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, height, width)."""
        inner: Tensor = self.rdb3(self.rdb2(self.rdb1(x)))
        return x + RESIDUAL_SHARE * inner


class RRDBNet(nn.Module):
    """The generator: blocks at the size of the input, then convolutions after each doubling of it."""

    def __init__(
        self,
        input_channels: int,
        output_channels: int,
        channels: int,
        growth: int,
        blocks: int,
        doublings: int,
        unshuffle: int = 1,
        *,
        plus: bool = False,
    ) -> None:
        super().__init__()
        self.unshuffle, self.doublings = unshuffle, doublings
        self.conv_first = nn.Conv2d(input_channels * unshuffle**2, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualDenseBlocks(channels, growth, plus=plus) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(channels, channels, 3, padding=1)
        for number in range(1, doublings + 1):
            self.add_module(f"conv_up{number}", nn.Conv2d(channels, channels, 3, padding=1))
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, output_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, output_channels, height, width), the sides times 2**doublings / unshuffle."""
        features = self.conv_first(functional.pixel_unshuffle(x, self.unshuffle))
        features = features + self.conv_body(self.body(features))
        for number in range(1, self.doublings + 1):
            doubled = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = functional.leaky_relu(self.get_submodule(f"conv_up{number}")(doubled), SLOPE)
        last: Tensor = self.conv_last(functional.leaky_relu(self.conv_hr(features), SLOPE))
        return last


def _build(weights: Weights) -> Network:
    weights = with_todays_names(weights)
    shapes = shapes_of(weights)
    channels, seen = shape_of(shapes, "conv_first.weight", 4)[:2]
    output_channels = shape_of(shapes, "conv_last.weight", 4)[0]
    unshuffle = next((side for side in UNSHUFFLED if seen == output_channels * side**2), 1)
    plus = "body.0.rdb1.conv1x1.weight" in shapes
    growth, blocks = shape_of(shapes, "body.0.rdb1.conv1.weight", 4)[0], count(shapes, "body.")
    doublings = max(count(shapes, "conv_up") - 1, 0)
    return Network(
        module=RRDBNet(
            seen // unshuffle**2, output_channels, channels, growth, blocks, doublings, unshuffle, plus=plus
        ),
        weights=weights,
        scale=math.ceil(2**doublings / unshuffle),
        input_channels=seen // unshuffle**2,
        output_channels=output_channels,
        size_requirements=SizeRequirements(minimum=2, multiple_of=SHUFFLED_MULTIPLE if unshuffle > 1 else 1),
        tags=(
            *(["ESRGAN+"] if plus else []),
            f"{channels}nf",
            f"{blocks}nb",
            *(["unshuffle"] if unshuffle > 1 else []),
        ),
    )


ARCHITECTURE = Architecture("ESRGAN", "ESRGAN", is_esrgan, _build)
