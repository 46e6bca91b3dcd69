"""Transformers of windows for restoring and enlarging: Liang et al. 2021, "SwinIR", https://arxiv.org/abs/2108.10257."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.checkpoints.structure import Shapes, count, shape_of, under
from services.executor.upscalers.architecture import Architecture, Network, Weights, has, shapes_of
from services.executor.upscalers.reconstruction import Reconstruction, Residue, reconstruction
from services.executor.upscalers.sizes import SizeRequirements
from services.executor.upscalers.swin_blocks import SwinBlock
from services.executor.upscalers.windows import Windows

#: The mean colour of the pictures that models of colours were trained on (DIV2K).
MEAN_COLOUR = (0.4488, 0.4371, 0.4040)
#: The window of the models that undo JPEG compression, which alone count brightness up to 255.
JPEG_WINDOW = 7
LEAST_SIDE = 16
#: What files have at the top, and the network in its reconstruction.
_LAST_PARTS = ("conv_before_upsample.", "upsample.", "conv_up", "conv_hr.", "conv_last.")
_FIRST_ATTENTION = "layers.0.residual_group.blocks.0.attn."


@dataclass(frozen=True)
class SwinSpec:
    """Sizes of the transformer.

    Attributes:
        input_channels: of a picture.
        unshuffle: side of the squares of pixels that are taken apart into channels first.
        width: channels of the features.
        depths, heads: blocks, and heads of their attention, in each group.
        window: side of the windows.
        hidden: channels inside the perceptrons.
        bottlenecked: whether each group ends in three convolutions through fewer channels, rather than one.
        embedding_norm: whether features are normalised before the first group.
    """

    input_channels: int
    unshuffle: int
    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    hidden: int
    bottlenecked: bool
    embedding_norm: bool


class Blocks(nn.Module):
    """Blocks whose windows are moved every other time; under the name that the files have for them."""

    def __init__(self, spec: SwinSpec, group: int, block: type[SwinBlock]) -> None:
        super().__init__()
        shifts = [number % 2 * (spec.window // 2) for number in range(spec.depths[group])]
        windows = [Windows.square(spec.window, shift) for shift in shifts]
        self.blocks = nn.Sequential(*(block(spec.width, spec.heads[group], each, spec.hidden) for each in windows))

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        mixed: Tensor = self.blocks(x)
        return mixed


class Group(nn.Module):
    """Blocks and a convolution, with a residual connection around them."""

    BLOCK: type[SwinBlock] = SwinBlock

    def __init__(self, spec: SwinSpec, group: int) -> None:
        super().__init__()
        self.residual_group = self.inner(spec, group)
        self.conv = closing_convolution(spec)

    def inner(self, spec: SwinSpec, group: int) -> nn.Module:
        """The blocks."""
        return Blocks(spec, group, self.BLOCK)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        return x + self.convolved(self.residual_group(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    def convolved(self, x: Tensor) -> Tensor:
        """What the convolution makes of (batch, channels, height, width)."""
        convolved: Tensor = self.conv(x)
        return convolved


class PatchEmbedding(nn.Module):
    """What features (batch, channels, height, width) go through before the first group."""

    def __init__(self, spec: SwinSpec) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(spec.width) if spec.embedding_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        normed: Tensor = self.norm(x.permute(0, 2, 3, 1))
        return normed


class SwinIR(nn.Module):
    """A convolution, groups of blocks, and a reconstruction."""

    GROUP: type[Group] = Group
    EMBEDDING: type[PatchEmbedding] = PatchEmbedding
    mean: Tensor

    def __init__(self, spec: SwinSpec, last: Reconstruction) -> None:
        super().__init__()
        self.unshuffle = spec.unshuffle
        self.range = 255.0 if spec.window == JPEG_WINDOW else 1.0
        mean = MEAN_COLOUR if spec.input_channels == len(MEAN_COLOUR) else (0.0,)
        self.register_buffer("mean", torch.tensor(mean, device="cpu").view(1, -1, 1, 1), persistent=False)
        self.conv_first = nn.Conv2d(spec.input_channels * spec.unshuffle**2, spec.width, 3, padding=1)
        self.patch_embed = self.EMBEDDING(spec)
        self.layers = nn.Sequential(*(self.GROUP(spec, number) for number in range(len(spec.depths))))
        self.norm = nn.LayerNorm(spec.width)
        self.conv_after_body = closing_convolution(spec)
        self.reconstruction = last

    def forward(self, x: Tensor) -> Tensor:
        """Return the picture; sides are whole numbers of windows."""
        mean = self.mean.to(x)
        x = (x - mean) * self.range
        features = self.conv_first(functional.pixel_unshuffle(x, self.unshuffle))
        mixed = self.norm(self.layers(self.patch_embed(features))).permute(0, 3, 1, 2)
        picture: Tensor = self.reconstruction(features + self.conv_after_body(mixed))
        if isinstance(self.reconstruction, Residue):
            picture = picture + x
        return picture / self.range + mean


def closing_convolution(spec: SwinSpec) -> nn.Module:
    """One convolution, or three through a quarter of the channels."""
    width, narrow = spec.width, spec.width // 4
    if not spec.bottlenecked:
        return nn.Conv2d(width, width, 3, padding=1)
    return nn.Sequential(
        nn.Conv2d(width, narrow, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(narrow, narrow, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(narrow, width, 3, padding=1),
    )


def built(weights: Weights, network: type[SwinIR], window: int, heads: Callable[[Shapes], int]) -> Network:
    """A network of this kind, without its weights; `heads` reads their number from the shapes of one attention.

    Raises:
        CheckpointError: weights are missing, or do not fit together.
    """
    weights = {own_name(name): tensor for name, tensor in weights.items()}
    shapes = shapes_of(weights)
    spec = swin_spec(shapes, window, heads)
    last = reconstruction(under(shapes, "reconstruction."), spec.width, spec.input_channels)
    return Network(
        module=network(spec, last),
        weights=weights,
        scale=last.scale // spec.unshuffle,
        input_channels=spec.input_channels,
        output_channels=spec.input_channels,
        size_requirements=SizeRequirements(LEAST_SIDE, spec.window * spec.unshuffle),
        tags=(f"w{spec.window}", f"{spec.width}dim", "3conv" if spec.bottlenecked else "1conv"),
        supports_half=False,
    )


def own_name(name: str) -> str:
    """What the network calls a weight of a file."""
    return f"reconstruction.{name}" if name.startswith(_LAST_PARTS) else name.replace("conv_first.1.", "conv_first.")


def swin_spec(shapes: Shapes, window: int, heads: Callable[[Shapes], int]) -> SwinSpec:
    """The sizes that shapes tell; `heads` reads their number from those of one attention.

    Raises:
        CheckpointError: weights are missing.
    """
    width, seen = shape_of(shapes, "conv_first.weight", 4)[:2]
    unshuffle = max(1, math.isqrt(seen // len(MEAN_COLOUR)))
    groups = [f"layers.{number}.residual_group.blocks." for number in range(count(shapes, "layers."))]
    return SwinSpec(
        input_channels=seen // unshuffle**2,
        unshuffle=unshuffle,
        width=width,
        depths=tuple(count(shapes, group) for group in groups),
        heads=tuple(heads(under(shapes, f"{group}0.attn.")) for group in groups),
        window=window,
        hidden=shape_of(shapes, "layers.0.residual_group.blocks.0.mlp.fc1.weight", 2)[0],
        bottlenecked="conv_after_body.0.weight" in shapes,
        embedding_norm="patch_embed.norm.weight" in shapes,
    )


def _build(weights: Weights) -> Network:
    positions = shape_of(shapes_of(weights), f"{_FIRST_ATTENTION}relative_position_bias_table", 2)[0]
    return built(
        weights,
        SwinIR,
        (math.isqrt(positions) + 1) // 2,
        lambda attention: attention["relative_position_bias_table"][1],
    )


ARCHITECTURE = Architecture(
    "SwinIR",
    "SwinIR",
    has(f"{_FIRST_ATTENTION}relative_position_bias_table", "layers.0.residual_group.blocks.0.mlp.fc1.weight"),
    _build,
)
