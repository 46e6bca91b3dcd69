"""Networks that make of a picture, as CLIP sees it, tokens that stand beside those of a text."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.clip_transformer import ClipTransformer, ClipTransformerSpec
from services.executor.diffusion.models.layers import LayerNorm, Linear


@dataclass(frozen=True)
class StyleAdapterSpec(ClipTransformerSpec):
    """The sizes of a style adapter."""

    tokens: int = 8
    """How many it makes."""
    context_dim: int = 768
    """Width of these."""


class StyleAdapter(nn.Module):
    """Tokens of its own that look at those of a picture: Mou et al., "T2I-Adapter", arXiv:2302.08453."""

    def __init__(self, spec: StyleAdapterSpec) -> None:
        super().__init__()
        self.spec = spec
        self.style_embedding = nn.Parameter(torch.empty(1, spec.tokens, spec.width))
        self.ln_pre = LayerNorm(spec.width)
        self.transformer = ClipTransformer(spec)
        self.ln_post = LayerNorm(spec.width)
        self.proj = nn.Parameter(torch.empty(spec.width, spec.context_dim))

    @property
    def width(self) -> int:
        """Width of the tokens that it takes."""
        return self.spec.width

    def forward(self, seen: Tensor) -> Tensor:
        """Tokens (batch, tokens, context_dim) of the encoder's last layer (batch, any number, width)."""
        own = self.style_embedding.to(seen).expand(len(seen), -1, -1)
        hidden = self.transformer(self.ln_pre(torch.cat([seen, own], dim=1)))[-1]
        out: Tensor = self.ln_post(hidden[:, -self.spec.tokens :]) @ self.proj.to(seen)
        return out


class ReduxEncoder(nn.Module):
    """Flux Redux by Black Forest Labs: a perceptron that makes a token of every one of the picture."""

    def __init__(self, width: int, inner_width: int, context_dim: int) -> None:
        super().__init__()
        self.width = width
        self.redux_up = Linear(width, inner_width)
        self.redux_down = Linear(inner_width, context_dim)

    def forward(self, seen: Tensor) -> Tensor:
        """Tokens (batch, number, context_dim) of the encoder's last layer (batch, number, width)."""
        out: Tensor = self.redux_down(functional.silu(self.redux_up(seen)))
        return out
