"""The attentions of DAT: within windows of two shapes, and between channels; each beside a convolution."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.upscalers.windows import Windows, relative_positions

#: Channels inside the networks that say how much attention and convolution count, as parts of all.
CHANNEL_PART, SPATIAL_PART = 8, 16


class PositionBias(nn.Module):
    """A small network that says what is added for each relative position."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        inner = width // 4
        self.pos_proj = nn.Linear(2, inner)
        for number, given in enumerate((inner, inner, heads), start=1):
            self.add_module(f"pos{number}", nn.Sequential(nn.LayerNorm(inner), nn.ReLU(), nn.Linear(inner, given)))

    def forward(self, positions: Tensor) -> Tensor:
        """(positions, heads) of positions (positions, 2)."""
        hidden: Tensor = self.pos_proj(positions)
        for number in range(1, 4):
            hidden = self.get_submodule(f"pos{number}")(hidden)
        return hidden


class WindowBranch(nn.Module):
    """Attention of half of the channels within windows of one shape."""

    def __init__(self, width: int, heads: int, windows: Windows) -> None:
        super().__init__()
        self.heads, self.windows = heads, windows
        self.pos = PositionBias(width // 4, heads)

    def forward(self, qkv: Tensor) -> Tensor:
        """Return (batch, height, width, channels) of queries, keys and values (3, batch, height, width, channels)."""
        height, width = qkv.shape[2:4]
        query, key, value = (self._in_heads(self.windows.of(part)) for part in qkv)
        shape = self.windows.height, self.windows.width
        bias = self.pos(_offsets(*shape).to(qkv))[relative_positions(*shape)].permute(2, 0, 1)
        mask = self.windows.mask(height, width, qkv)
        mixed = functional.scaled_dot_product_attention(query, key, value, bias if mask is None else bias + mask)
        return self.windows.joined(mixed.transpose(2, 3).flatten(3), height, width)

    def _in_heads(self, windows: Tensor) -> Tensor:
        """(batch, windows, heads, pixels, channels / heads) of (batch, windows, pixels, channels)."""
        return windows.view(*windows.shape[:3], self.heads, -1).transpose(2, 3)


class BesideConvolution(nn.Module):
    """What attention beside a convolution has: each of them says how much of the other counts."""

    def __init__(self, width: int, *, biased: bool) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, width * 3, bias=biased)
        self.proj = nn.Linear(width, width)
        self.dwconv = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width), nn.BatchNorm2d(width), nn.GELU()
        )
        self.channel_interaction = nn.Sequential(nn.AdaptiveAvgPool2d(1), *_narrowed(width, CHANNEL_PART, width))
        self.spatial_interaction = nn.Sequential(*_narrowed(width, SPATIAL_PART, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        qkv = self.qkv(x).unflatten(-1, (3, -1)).permute(3, 0, 1, 2, 4)
        attended = self.attended(qkv).permute(0, 3, 1, 2)
        together = self.together(attended, self.dwconv(qkv[2].permute(0, 3, 1, 2)))
        projected: Tensor = self.proj(together.permute(0, 2, 3, 1))
        return projected

    def attended(self, qkv: Tensor) -> Tensor:
        """Attention (batch, height, width, channels) of (3, batch, height, width, channels)."""
        raise NotImplementedError

    def together(self, attended: Tensor, convolved: Tensor) -> Tensor:
        """What both give, (batch, channels, height, width) each."""
        raise NotImplementedError


class SpatialAttention(BesideConvolution):
    """Within upright windows for half of the channels, and lying ones for the others."""

    def __init__(self, width: int, heads: int, split: tuple[int, int], *, moved: bool, biased: bool) -> None:
        super().__init__(width, biased=biased)
        high, wide = split
        down, right = (high // 2, wide // 2) if moved else (0, 0)
        windows = Windows(high, wide, down, right), Windows(wide, high, right, down)
        self.multiple = max(split)
        self.attns = nn.ModuleList(WindowBranch(width // 2, heads // 2, each) for each in windows)

    def attended(self, qkv: Tensor) -> Tensor:
        """Attention within windows; zeros stand beyond the edges where windows reach there."""
        height, width = qkv.shape[2:4]
        padded = functional.pad(qkv, (0, 0, 0, -width % self.multiple, 0, -height % self.multiple))
        halves = zip(self.attns, padded.chunk(2, -1), strict=True)
        return torch.cat([attention(half)[:, :height, :width] for attention, half in halves], -1)

    def together(self, attended: Tensor, convolved: Tensor) -> Tensor:
        """The convolution says which channels of attention count, attention which places of the convolution."""
        channels = torch.sigmoid(self.channel_interaction(convolved))
        places = torch.sigmoid(self.spatial_interaction(attended))
        return attended * channels + convolved * places


class ChannelAttention(BesideConvolution):
    """Between channels, over the whole picture."""

    def __init__(self, width: int, heads: int, *, biased: bool) -> None:
        super().__init__(width, biased=biased)
        self.heads = heads
        self.temperature = nn.Parameter(torch.empty(heads, 1, 1))

    def attended(self, qkv: Tensor) -> Tensor:
        """Attention between channels, by their angle."""
        _, batch, height, width, _ = qkv.shape
        query, key, value = qkv.reshape(3, batch, height * width, self.heads, -1).permute(0, 1, 3, 4, 2)
        likeness = functional.normalize(query, dim=-1) @ functional.normalize(key, dim=-1).transpose(-2, -1)
        mixed: Tensor = (likeness * self.temperature).softmax(dim=-1) @ value
        return mixed.flatten(1, 2).transpose(1, 2).reshape(batch, height, width, -1)

    def together(self, attended: Tensor, convolved: Tensor) -> Tensor:
        """The convolution says which places of attention count, attention which channels of the convolution."""
        places = torch.sigmoid(self.spatial_interaction(convolved))
        channels = torch.sigmoid(self.channel_interaction(attended))
        return attended * places + convolved * channels


def _narrowed(width: int, part: int, given: int) -> tuple[nn.Module, ...]:
    inner = width // part
    return nn.Conv2d(width, inner, 1), nn.BatchNorm2d(inner), nn.GELU(), nn.Conv2d(inner, given, 1)


@lru_cache(maxsize=4)
def _offsets(height: int, width: int) -> Tensor:
    """((2 * height - 1) * (2 * width - 1), 2): how far down and right."""
    down, right = (torch.arange(1.0 - side, side) for side in (height, width))
    return torch.stack(torch.meshgrid(down, right, indexing="ij"), -1).flatten(0, 1)
