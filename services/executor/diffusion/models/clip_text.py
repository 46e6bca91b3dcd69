"""CLIP's text encoder, with the parameter names of Hugging Face checkpoints (`text_model.…`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.layers import LayerNorm, Linear, attention


@dataclass(frozen=True)
class ClipTextSpec:
    """The sizes of a text encoder."""

    width: int
    inner_width: int
    heads: int
    layers: int
    activation: str = "quick_gelu"
    """`quick_gelu` (OpenAI's CLIP-L) or `gelu` (OpenCLIP)."""
    projection_dim: int | None = None
    """Width of the projected pooled output, None where the file holds no projection."""
    vocabulary: int = 49408
    positions: int = 77


class ClipTextOutput(NamedTuple):
    """What a text encoder gives for a batch of token ids."""

    hidden: Tensor
    """(batch, tokens, width), of the layer asked for."""
    pooled: Tensor
    """(batch, width or projection_dim), the last layer at the first end token."""


class ClipText(nn.Module):
    """A causal transformer over token embeddings."""

    def __init__(self, spec: ClipTextSpec) -> None:
        super().__init__()
        self.spec = spec
        self.text_model = _TextModel(spec)
        if spec.projection_dim is not None:
            self.text_projection = Linear(spec.width, spec.projection_dim, bias=False)

    @property
    def token_table(self) -> Tensor:
        """The token embeddings (vocabulary, width), in the dtype of the file."""
        return self.text_model.embeddings.token_embedding.weight

    def forward(
        self,
        embeddings: Tensor,
        end_positions: Tensor,
        layer: int | None = None,
        final_norm: bool = True,
        project: bool = False,
    ) -> ClipTextOutput:
        """Encode token embeddings (batch, tokens, width) whose first end tokens stand at `end_positions` (batch).

        `layer` counts from the end: -1 (or None) is the last layer, -2 the one before it.
        `final_norm` normalises the hidden state of that layer, `project` the pooled output.
        """
        states = self.text_model(embeddings)
        chosen = states[-1 if layer is None else layer]
        hidden = self.text_model.final_layer_norm(chosen) if final_norm else chosen
        last = self.text_model.final_layer_norm(states[-1])
        pooled = last[torch.arange(len(last), device=last.device), end_positions]
        if project and self.spec.projection_dim is not None:
            pooled = self.text_projection(pooled)
        return ClipTextOutput(hidden, pooled)

    def embed(self, ids: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Token embeddings (batch, tokens, width) of ids (batch, tokens)."""
        return functional.embedding(ids, self.token_table).to(dtype)


class _TextModel(nn.Module):
    def __init__(self, spec: ClipTextSpec) -> None:
        super().__init__()
        self.embeddings = _Embeddings(spec)
        self.encoder = _Encoder(spec)
        self.final_layer_norm = LayerNorm(spec.width)

    def forward(self, embeddings: Tensor) -> Sequence[Tensor]:
        tokens = embeddings.shape[1]
        positions = self.embeddings.position_embedding.weight[:tokens]
        states: Sequence[Tensor] = self.encoder(embeddings + positions.to(embeddings.dtype))
        return states


class _Embeddings(nn.Module):
    def __init__(self, spec: ClipTextSpec) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(spec.vocabulary, spec.width)
        self.position_embedding = nn.Embedding(spec.positions, spec.width)


class _Encoder(nn.Module):
    def __init__(self, spec: ClipTextSpec) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(spec) for _ in range(spec.layers))

    def forward(self, hidden: Tensor) -> list[Tensor]:
        """The embeddings, then the output of every layer."""
        tokens = hidden.shape[1]
        mask = torch.full((tokens, tokens), float("-inf"), dtype=hidden.dtype, device=hidden.device).triu(1)
        states = [hidden]
        for layer in self.layers:
            states.append(layer(states[-1], mask))
        return states


class _Layer(nn.Module):
    def __init__(self, spec: ClipTextSpec) -> None:
        super().__init__()
        self.self_attn = _SelfAttention(spec)
        self.layer_norm1 = LayerNorm(spec.width)
        self.mlp = _Perceptron(spec)
        self.layer_norm2 = LayerNorm(spec.width)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        hidden = hidden + self.self_attn(self.layer_norm1(hidden), mask)
        out: Tensor = hidden + self.mlp(self.layer_norm2(hidden))
        return out


class _SelfAttention(nn.Module):
    def __init__(self, spec: ClipTextSpec) -> None:
        super().__init__()
        self.heads = spec.heads
        self.q_proj = Linear(spec.width, spec.width)
        self.k_proj = Linear(spec.width, spec.width)
        self.v_proj = Linear(spec.width, spec.width)
        self.out_proj = Linear(spec.width, spec.width)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        mixed = attention(self.q_proj(hidden), self.k_proj(hidden), self.v_proj(hidden), self.heads, mask)
        out: Tensor = self.out_proj(mixed)
        return out


class _Perceptron(nn.Module):
    def __init__(self, spec: ClipTextSpec) -> None:
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
