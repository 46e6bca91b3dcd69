"""The transformer in CLIP's encoders of text and of pictures, with the parameter names of Hugging Face checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.layers import LayerNorm, Linear, attention


@dataclass(frozen=True)
class ClipTransformerSpec:
    """The sizes of a transformer."""

    width: int
    inner_width: int
    heads: int
    layers: int
    activation: str = "quick_gelu"
    """`quick_gelu` (OpenAI's CLIP) or `gelu` (OpenCLIP)."""


class ClipTransformer(nn.Module):
    """Layers of self-attention and a perceptron, each on a normalised residual branch."""

    def __init__(self, spec: ClipTransformerSpec) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(spec) for _ in range(spec.layers))

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """The embeddings (batch, tokens, width) that it is given, then the output of every layer.

        `mask` (tokens, tokens) is added to what the attention compares.
        """
        states = [hidden]
        for layer in self.layers:
            states.append(layer(states[-1], mask))
        return states


class _Layer(nn.Module):
    def __init__(self, spec: ClipTransformerSpec) -> None:
        super().__init__()
        self.self_attn = _SelfAttention(spec)
        self.layer_norm1 = LayerNorm(spec.width)
        self.mlp = _Perceptron(spec)
        self.layer_norm2 = LayerNorm(spec.width)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        hidden = hidden + self.self_attn(self.layer_norm1(hidden), mask)
        out: Tensor = hidden + self.mlp(self.layer_norm2(hidden))
        return out


class _SelfAttention(nn.Module):
    def __init__(self, spec: ClipTransformerSpec) -> None:
        super().__init__()
        self.heads = spec.heads
        self.q_proj = Linear(spec.width, spec.width)
        self.k_proj = Linear(spec.width, spec.width)
        self.v_proj = Linear(spec.width, spec.width)
        self.out_proj = Linear(spec.width, spec.width)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        mixed = attention(self.q_proj(hidden), self.k_proj(hidden), self.v_proj(hidden), self.heads, mask)
        out: Tensor = self.out_proj(mixed)
        return out


class _Perceptron(nn.Module):
    def __init__(self, spec: ClipTransformerSpec) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.fc1 = Linear(spec.width, spec.inner_width)
        self.fc2 = Linear(spec.inner_width, spec.width)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.activation(self.fc1(hidden)))
        return out


def quick_gelu(hidden: Tensor) -> Tensor:
    """The sigmoid approximation of GELU that OpenAI's CLIP was trained with."""
    return hidden * torch.sigmoid(1.702 * hidden)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"quick_gelu": quick_gelu, "gelu": functional.gelu}
