"""CLIP's text encoder, with the parameter names of Hugging Face checkpoints (`text_model.…`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.clip_transformer import ClipTransformer, ClipTransformerSpec
from services.executor.diffusion.models.layers import LayerNorm, Linear


@dataclass(frozen=True)
class ClipTextSpec(ClipTransformerSpec):
    """The sizes of a text encoder."""

    projection_dim: int | None = None
    """Width of the projected pooled output, None where the file holds no projection."""
    vocabulary: int = 49408
    positions: int = 77
    omitted_layers: int = 0
    """Layers after the last one here that the encoder was trained with, and whose outputs are never used."""


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

        `layer` counts from the end, omitted ones included: -1 is the last layer, -2 the one before it; None is what
        comes out of the network, which is normalised. `final_norm` normalises the hidden state of a layer too,
        `project` projects the pooled output.
        """
        states = self.text_model(embeddings)
        last = self.text_model.final_layer_norm(states[-1])
        hidden = last
        if layer is not None:
            hidden = states[min(layer + self.spec.omitted_layers, -1)]
            hidden = self.text_model.final_layer_norm(hidden) if final_norm else hidden
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
        self.encoder = ClipTransformer(spec)
        self.final_layer_norm = LayerNorm(spec.width)

    def forward(self, embeddings: Tensor) -> Sequence[Tensor]:
        tokens = embeddings.shape[1]
        positions = self.embeddings.position_embedding.weight[:tokens]
        causal = torch.full((tokens, tokens), float("-inf"), dtype=embeddings.dtype, device=embeddings.device).triu(1)
        states: Sequence[Tensor] = self.encoder(embeddings + positions.to(embeddings.dtype), causal)
        return states


class _Embeddings(nn.Module):
    def __init__(self, spec: ClipTextSpec) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(spec.vocabulary, spec.width)
        self.position_embedding = nn.Embedding(spec.positions, spec.width)
