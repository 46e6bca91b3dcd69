"""Convolutions with large kernels on part of the channels: Lee et al. 2024, "PLKSR", https://arxiv.org/abs/2404.11848.

Its later form for all kinds of damage, RealPLKSR (https://github.com/dslisleedh/PLKSR), normalises features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from services.executor.diffusion.checkpoints.structure import Shapes, count, shape_of
from services.executor.upscalers.architecture import Architecture, Network, Weights, shapes_of, shuffled_scale
from services.executor.upscalers.dysample import DySample

COLOURS = 3
NORM_GROUPS = 4
NORM_EPSILON = 1e-6
#: Of the places that channels are looked up at, where they can be shared by four.
PLACE_GROUPS = 4
#: What files of the first form call the mixer.
_FIRST_NAME, _NAME = ".channe_mixer.", ".channel_mixer."


@dataclass(frozen=True)
class Spec:
    """Sizes of the network.

    Attributes:
        channels: of the features; `large` of them go through the large kernel.
        kernel: its side.
        mixer: sides of the kernels of the two convolutions before it.
        is_real: whether it is the later form.
        weighted: whether features are weighted by themselves.
        layer_norm: whether they are normalised pixel by pixel before a block, rather than in groups after it.
    """

    channels: int
    blocks: int
    large: int
    kernel: int
    mixer: tuple[int, int]
    is_real: bool
    weighted: bool
    layer_norm: bool


class ChannelNorm(nn.LayerNorm):
    """Normalises the channels of each pixel of (batch, channels, height, width)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


class LargeConvolution(nn.Module):
    """A convolution of the first channels; the others stay."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, height, width)."""
        convolved = self.conv.in_channels
        return torch.cat((self.conv(x[:, :convolved]), x[:, convolved:]), 1)


class Weighted(nn.Module):
    """Features weighted by what a convolution makes of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, height, width)."""
        weighted: Tensor = x * self.f(x)
        return weighted


class Block(nn.Module):
    """A mixer of channels, the large kernel and a last convolution, with a residual connection around them."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        channels, (first, second) = spec.channels, spec.mixer
        self.channel_mixer = nn.Sequential(
            nn.Conv2d(channels, channels * 2, first, padding=first // 2),
            nn.Mish() if spec.is_real else nn.GELU(),
            nn.Conv2d(channels * 2, channels, second, padding=second // 2),
        )
        self.lk = LargeConvolution(spec.large, spec.kernel)
        self.attn = Weighted(channels) if spec.weighted else nn.Identity()
        self.refine = nn.Conv2d(channels, channels, 1)
        self.layer_norm = ChannelNorm(channels, NORM_EPSILON) if spec.layer_norm else nn.Identity()
        in_groups = spec.is_real and not spec.layer_norm
        self.norm = nn.GroupNorm(NORM_GROUPS, channels) if in_groups else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, height, width)."""
        mixed: Tensor = self.norm(self.refine(self.attn(self.lk(self.channel_mixer(self.layer_norm(x))))))
        return x + mixed


class PLKSR(nn.Module):
    """Blocks in a row, whose result is added to the input's pixels and made a picture of."""

    def __init__(self, spec: Spec, scale: int, *, looked_up: bool) -> None:
        super().__init__()
        self.repeats = scale**2
        given = COLOURS * self.repeats
        self.feats = nn.Sequential(nn.Conv2d(COLOURS, spec.channels, 3, padding=1))
        self.feats.extend(Block(spec) for _ in range(spec.blocks))
        if spec.is_real:
            self.feats.append(nn.Identity())  # where there is a dropout while it is trained
        self.feats.append(nn.Conv2d(spec.channels, given, 3, padding=1))
        groups = PLACE_GROUPS if scale % 2 == 0 else COLOURS
        self.to_img = DySample(given, COLOURS, scale, groups, mixed=scale != 1) if looked_up else nn.PixelShuffle(scale)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, 3, height * scale, width * scale)."""
        picture: Tensor = self.to_img(self.feats(x) + x.repeat_interleave(self.repeats, dim=1))
        return picture


def _is_plksr(shapes: Shapes) -> bool:
    return "feats.1.lk.conv.weight" in shapes and "feats.1.refine.weight" in shapes


def _build(weights: Weights) -> Network:
    is_real = not any(_FIRST_NAME in name for name in weights)
    weights = {name.replace(_FIRST_NAME, _NAME): tensor for name, tensor in weights.items()}
    shapes = shapes_of(weights)
    large, _, kernel, _ = shape_of(shapes, "feats.1.lk.conv.weight", 4)
    layers = count(shapes, "feats.")
    spec = Spec(
        channels=shape_of(shapes, "feats.0.weight", 4)[0],
        blocks=layers - (3 if is_real else 2),
        large=large,
        kernel=kernel,
        mixer=(_kernel(shapes, "0"), _kernel(shapes, "2")),
        is_real=is_real,
        weighted="feats.1.attn.f.0.weight" in shapes,
        layer_norm="feats.1.layer_norm.weight" in shapes,
    )
    scale, _ = shuffled_scale(shape_of(shapes, f"feats.{layers - 1}.weight", 4)[0], likely=COLOURS)
    looked_up = "to_img.init_pos" in shapes
    return Network(
        module=PLKSR(spec, scale, looked_up=looked_up),
        weights=weights,
        scale=scale,
        input_channels=COLOURS,
        output_channels=COLOURS,
        tags=(f"{spec.channels}dim", f"{spec.blocks}nb", *(["Real"] if is_real else [])),
        supports_half=not is_real or spec.layer_norm,
    )


def _kernel(shapes: Shapes, place: str) -> int:
    return shape_of(shapes, f"feats.1.channel_mixer.{place}.weight", 4)[2]


ARCHITECTURE = Architecture("PLKSR", "PLKSR", _is_plksr, _build)
