"""The transformer blocks of SwinIR: attention within windows, then a perceptron for each pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.upscalers.windows import Windows, relative_positions


class WindowAttention(nn.Module):
    """Attention between the pixels of each window, to which a number for each relative position is added."""

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, width * 3)
        self.proj = nn.Linear(width, width)
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * side - 1) ** 2, heads))
        self.side = side

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Return (batch, windows, pixels, channels) of the same."""
        query, key, value = self.qkv(windows).unflatten(-1, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        bias = self.relative_position_bias_table[relative_positions(self.side, self.side)].permute(2, 0, 1)
        mixed = functional.scaled_dot_product_attention(query, key, value, bias if mask is None else bias + mask)
        projected: Tensor = self.proj(mixed.transpose(2, 3).flatten(3))
        return projected


class Perceptron(nn.Module):
    """Two linear layers for each pixel."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., width)."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class SwinBlock(nn.Module):
    """Attention and perceptron, each of what is normalised."""

    ATTENTION: type[nn.Module] = WindowAttention

    def __init__(self, width: int, heads: int, windows: Windows, hidden: int) -> None:
        super().__init__()
        self.windows = windows
        self.norm1 = nn.LayerNorm(width)
        self.attn = self.ATTENTION(width, heads, windows.height)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        x = x + self.attended(self.norm1(x))
        mixed: Tensor = x + self.mlp(self.norm2(x))
        return mixed

    def attended(self, x: Tensor) -> Tensor:
        """Attention in the windows of (batch, height, width, channels)."""
        height, width = x.shape[1:3]
        windows = self.attn(self.windows.of(x), self.windows.mask(height, width, x))
        return self.windows.joined(windows, height, width)
