"""SwinIR with the second version of its blocks: Conde et al. 2022, "Swin2SR", https://arxiv.org/abs/2209.11345.

The blocks are those of Liu et al. 2021, "Swin Transformer V2", https://arxiv.org/abs/2111.09883: norms stand behind
attention and perceptron, queries and keys are compared by their angle, and what is added for relative positions comes
from a small network of its own.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.checkpoints.structure import shape_of
from services.executor.upscalers.architecture import Architecture, Network, Weights, has, shapes_of
from services.executor.upscalers.swin_blocks import SwinBlock
from services.executor.upscalers.swin_ir import Group, PatchEmbedding, SwinIR, SwinSpec, built
from services.executor.upscalers.windows import relative_positions

#: Inside the network of relative positions.
POSITION_WIDTH = 512
HIGHEST_BIAS = 16
HIGHEST_SCALE = math.log(100)
#: Relative positions are scaled so that the farthest is at 8, of which the logarithm is taken.
FARTHEST = 8

_FIRST_ATTENTION = "layers.0.residual_group.blocks.0.attn."


class CosineAttention(nn.Module):
    """Attention between the pixels of each window, by the angle of queries and keys."""

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads, self.side = heads, side
        self.logit_scale = nn.Parameter(torch.empty(heads, 1, 1))
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, POSITION_WIDTH), nn.ReLU(), nn.Linear(POSITION_WIDTH, heads, bias=False)
        )
        self.qkv = nn.Linear(width, width * 3, bias=False)
        self.q_bias = nn.Parameter(torch.empty(width))
        self.v_bias = nn.Parameter(torch.empty(width))
        self.proj = nn.Linear(width, width)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Return (batch, windows, pixels, channels) of the same."""
        bias = torch.cat((self.q_bias, torch.zeros_like(self.q_bias), self.v_bias))
        batch, count, pixels, width = windows.shape
        mixed = functional.linear(windows, self.qkv.weight, bias).view(batch, count, pixels, 3, self.heads, -1)
        query, key, value = mixed.permute(3, 0, 1, 4, 2, 5)
        query = functional.normalize(query, dim=-1) * self.logit_scale.clamp(max=HIGHEST_SCALE).exp()
        added = self._position_bias() if mask is None else self._position_bias() + mask
        mixed = functional.scaled_dot_product_attention(query, functional.normalize(key, dim=-1), value, added, scale=1)
        projected: Tensor = self.proj(mixed.transpose(2, 3).flatten(3))
        return projected

    def _position_bias(self) -> Tensor:
        """(heads, pixels, pixels)."""
        table = self.cpb_mlp(_logarithmic_positions(self.side).to(self.q_bias))
        return HIGHEST_BIAS * torch.sigmoid(table[relative_positions(self.side, self.side)]).permute(2, 0, 1)


class PostNormBlock(SwinBlock):
    """Attention and perceptron, what they give being normalised."""

    ATTENTION = CosineAttention

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        x = x + self.norm1(self.attended(x))
        mixed: Tensor = x + self.norm2(self.mlp(x))
        return mixed


class EmbeddedPatches(PatchEmbedding):
    """A norm after a convolution of single pixels."""

    def __init__(self, spec: SwinSpec) -> None:
        super().__init__(spec)
        self.proj = nn.Conv2d(spec.width, spec.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        return super().forward(self.proj(x))


class EmbeddedGroup(Group):
    """A group with a convolution of single pixels at its end."""

    BLOCK = PostNormBlock

    def __init__(self, spec: SwinSpec, group: int) -> None:
        super().__init__(spec, group)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(spec.width, spec.width, 1)})

    def convolved(self, x: Tensor) -> Tensor:
        """What the convolutions make of (batch, channels, height, width)."""
        convolved: Tensor = self.patch_embed["proj"](self.conv(x))
        return convolved


class Swin2SR(SwinIR):
    """SwinIR of such blocks."""

    GROUP = EmbeddedGroup
    EMBEDDING = EmbeddedPatches


@lru_cache(maxsize=4)
def _logarithmic_positions(side: int) -> Tensor:
    """((2 * side - 1)**2, 2): how far down and right, in the logarithm."""
    line = torch.arange(1 - side, side) / (side - 1) * FARTHEST
    line = line.sign() * (line.abs() + 1).log2() / math.log2(FARTHEST)
    return torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).flatten(0, 1)


def _build(weights: Weights) -> Network:
    side = shape_of(shapes_of(weights), f"{_FIRST_ATTENTION}relative_coords_table", 4)[1]
    return built(weights, Swin2SR, (side + 1) // 2, lambda attention: attention["logit_scale"][0])


ARCHITECTURE = Architecture(
    "Swin2SR", "Swin2SR", has(f"{_FIRST_ATTENTION}logit_scale", f"{_FIRST_ATTENTION}relative_coords_table"), _build
)
