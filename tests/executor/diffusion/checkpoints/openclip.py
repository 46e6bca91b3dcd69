"""OpenCLIP's encoder of pictures, and a style adapter made of its layers, written from their published layouts.

Other formulations of what ours compute.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """A layer, with torch's own attention."""

    def __init__(self, width: int, heads: int, activation: type[nn.Module] = nn.GELU) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, width * 4))
        self.mlp.add_module("gelu", activation())
        self.mlp.add_module("c_proj", nn.Linear(width * 4, width))

    def forward(self, hidden: Tensor) -> Tensor:
        normed = self.ln_1(hidden)
        hidden = hidden + self.attn(normed, normed, normed, need_weights=False)[0]
        added: Tensor = self.mlp(self.ln_2(hidden))
        return hidden + added


class QuickGelu(nn.Module):
    """The activation of OpenAI's CLIP."""

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden * torch.sigmoid(1.702 * hidden)


class VisionTransformer(nn.Module):
    """The encoder; its parameters have OpenCLIP's names without `visual.`."""

    def __init__(
        self,
        width: int,
        heads: int,
        layers: int,
        patch: int,
        grid: int,
        embedding: int,
        activation: type[nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn(grid**2 + 1, width))
        self.proj = nn.Parameter(torch.randn(width, embedding) / width**0.5)
        self.conv1 = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(ResidualBlock(width, heads, activation) for _ in range(layers))
        self.ln_post = nn.LayerNorm(width)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """The embedding, and all tokens of the last layer."""
        patches = self.conv1(pictures).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_embedding.expand(len(patches), 1, -1), patches], dim=1)
        tokens = self.ln_pre(tokens + self.positional_embedding)
        for block in self.transformer.resblocks:  # type: ignore[union-attr]
            tokens = block(tokens)
        return self.ln_post(tokens[:, 0]) @ self.proj, tokens


class StyleAdapter(nn.Module):
    """The style adapter of T2I-Adapter; its parameters have the names of the published weights."""

    def __init__(self, width: int, heads: int, layers: int, tokens: int, context_dim: int) -> None:
        super().__init__()
        self.style_embedding = nn.Parameter(torch.randn(1, tokens, width))
        self.proj = nn.Parameter(torch.randn(width, context_dim) / width**0.5)
        self.ln_pre = nn.LayerNorm(width)
        self.ln_post = nn.LayerNorm(width)
        self.transformer_layes = nn.Sequential(*(ResidualBlock(width, heads, QuickGelu) for _ in range(layers)))

    def forward(self, seen: Tensor) -> Tensor:
        tokens = self.style_embedding.shape[1]
        own = self.style_embedding.repeat(len(seen), 1, 1)
        hidden = self.transformer_layes(self.ln_pre(torch.cat([seen, own], dim=1)))
        made: Tensor = self.ln_post(hidden[:, -tokens:]) @ self.proj
        return made
