"""Swin's blocks with attention of channels beside them, and windows that see beyond their edges.

Chen et al. 2023, "Activating More Pixels in Image Super-Resolution Transformer" (HAT), https://arxiv.org/abs/2205.04437.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.checkpoints.structure import Shapes, shape_of, under
from services.executor.upscalers.architecture import Architecture, Network, Weights, has, shapes_of
from services.executor.upscalers.reconstruction import reconstruction
from services.executor.upscalers.sizes import SizeRequirements
from services.executor.upscalers.swin_blocks import Perceptron, SwinBlock
from services.executor.upscalers.swin_ir import LEAST_SIDE, Group, SwinIR, SwinSpec, own_name, swin_spec
from services.executor.upscalers.windows import Windows

#: How much the attention of channels counts.
CHANNEL_SHARE = 0.01
_BLOCKS = "layers.0.residual_group.blocks.0."
_OVERLAPPING = "layers.0.residual_group.overlap_attn."


@dataclass(frozen=True)
class HatSpec(SwinSpec):
    """Sizes of the transformer.

    Attributes:
        compressed, squeezed: channels inside the convolutions beside the attention, and inside their weighting.
        seen: side of what a window sees where windows overlap.
        overlapping_hidden: channels inside the perceptrons there.
    """

    compressed: int
    squeezed: int
    seen: int
    overlapping_hidden: int


class ChannelWeights(nn.Module):
    """Weighs channels by what they are on average."""

    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(width, squeezed, 1),
            nn.ReLU(),
            nn.Conv2d(squeezed, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, height, width)."""
        weighed: Tensor = x * self.attention(x)
        return weighed


class ChannelBlock(nn.Module):
    """Convolutions, whose channels are weighed."""

    def __init__(self, spec: HatSpec) -> None:
        super().__init__()
        self.cab = nn.Sequential(
            nn.Conv2d(spec.width, spec.compressed, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(spec.compressed, spec.width, 3, padding=1),
            ChannelWeights(spec.width, spec.squeezed),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        weighed: Tensor = self.cab(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return weighed


class HybridBlock(SwinBlock):
    """A block of Swin with attention of channels beside that in windows."""

    def __init__(self, spec: HatSpec, heads: int, windows: Windows) -> None:
        super().__init__(spec.width, heads, windows, spec.hidden)
        self.conv_block = ChannelBlock(spec)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        normed = self.norm1(x)
        x = x + self.attended(normed) + CHANNEL_SHARE * self.conv_block(normed)
        mixed: Tensor = x + self.mlp(self.norm2(x))
        return mixed


class OverlappingAttention(nn.Module):
    """Attention of the pixels of each window to those of a larger one around it."""

    def __init__(self, spec: HatSpec, heads: int) -> None:
        super().__init__()
        self.heads, self.side, self.seen = heads, spec.window, spec.seen
        self.norm1 = nn.LayerNorm(spec.width)
        self.qkv = nn.Linear(spec.width, spec.width * 3)
        self.relative_position_bias_table = nn.Parameter(torch.empty((self.side + self.seen - 1) ** 2, heads))
        self.proj = nn.Linear(spec.width, spec.width)
        self.norm2 = nn.LayerNorm(spec.width)
        self.mlp = Perceptron(spec.width, spec.overlapping_hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        x = x + self.proj(self._attended(*self.qkv(self.norm1(x)).chunk(3, -1)))
        mixed: Tensor = x + self.mlp(self.norm2(x))
        return mixed

    def _attended(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        height, width = query.shape[1:3]
        windows = Windows.square(self.side)
        parts = (windows.of(query), self._around(key), self._around(value))
        query, key, value = (part.view(*part.shape[:3], self.heads, -1).transpose(2, 3) for part in parts)
        bias = self.relative_position_bias_table[_relative_positions(self.side, self.seen)].permute(2, 0, 1)
        mixed = functional.scaled_dot_product_attention(query, key, value, bias)
        return windows.joined(mixed.transpose(2, 3).flatten(3), height, width)

    def _around(self, x: Tensor) -> Tensor:
        """What each window sees, (batch, windows, pixels, channels), zeros beyond the edges of the picture."""
        batch, _, _, channels = x.shape
        margin = (self.seen - self.side) // 2
        seen = functional.unfold(x.permute(0, 3, 1, 2), self.seen, padding=margin, stride=self.side)
        return seen.view(batch, channels, self.seen**2, -1).permute(0, 3, 2, 1)


class HybridBlocks(nn.Module):
    """Blocks whose windows are moved every other time, then one whose windows overlap."""

    def __init__(self, spec: HatSpec, group: int) -> None:
        super().__init__()
        shifts = [number % 2 * (spec.window // 2) for number in range(spec.depths[group])]
        heads = spec.heads[group]
        self.blocks = nn.Sequential(*(HybridBlock(spec, heads, Windows.square(spec.window, shift)) for shift in shifts))
        self.overlap_attn = OverlappingAttention(spec, heads)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        mixed: Tensor = self.overlap_attn(self.blocks(x))
        return mixed


class HybridGroup(Group):
    """A group of such blocks."""

    def inner(self, spec: SwinSpec, group: int) -> nn.Module:
        """The blocks."""
        assert isinstance(spec, HatSpec)
        return HybridBlocks(spec, group)


class HAT(SwinIR):
    """SwinIR with such groups."""

    GROUP = HybridGroup


@lru_cache(maxsize=4)
def _relative_positions(side: int, seen: int) -> Tensor:
    """(side**2, seen**2): the row of the table for a pixel of a window and one that it sees.

    Files are trained with numbers that begin below zero, and so count from the end of the table.
    """
    steps = torch.arange(seen)[None, :] - torch.arange(side)[:, None] + side - seen + 1
    rows = steps[:, None, :, None] * (side + seen - 1) + steps[None, :, None, :]
    return rows.reshape(side**2, seen**2)


def _build(weights: Weights) -> Network:
    weights = {own_name(name): tensor for name, tensor in weights.items()}
    shapes = shapes_of(weights)
    spec = _spec(shapes)
    last = reconstruction(under(shapes, "reconstruction."), spec.width, spec.input_channels)
    return Network(
        module=HAT(spec, last),
        weights=weights,
        scale=last.scale,
        input_channels=spec.input_channels,
        output_channels=spec.input_channels,
        size_requirements=SizeRequirements(LEAST_SIDE, spec.window),
        tags=(f"w{spec.window}", f"{spec.width}dim"),
        supports_half=False,
    )


def _spec(shapes: Shapes) -> HatSpec:
    table = "relative_position_bias_table"
    side = (math.isqrt(shape_of(shapes, f"{_BLOCKS}attn.{table}", 2)[0]) + 1) // 2
    return HatSpec(
        **vars(swin_spec(shapes, side, lambda attention: attention[table][1])),
        compressed=shape_of(shapes, f"{_BLOCKS}conv_block.cab.0.weight", 4)[0],
        squeezed=shape_of(shapes, f"{_BLOCKS}conv_block.cab.3.attention.1.weight", 4)[0],
        seen=math.isqrt(shape_of(shapes, f"{_OVERLAPPING}{table}", 2)[0]) - side + 1,
        overlapping_hidden=shape_of(shapes, f"{_OVERLAPPING}mlp.fc1.weight", 2)[0],
    )


ARCHITECTURE = Architecture("HAT", "HAT", has(f"{_BLOCKS}conv_block.cab.0.weight", f"{_OVERLAPPING}qkv.weight"), _build)
