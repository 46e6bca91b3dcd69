"""Where the work of a UNet can be changed from outside while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Stage = Literal["input", "middle", "output"]
AttentionKind = Literal["attn1", "attn2"]
"""`attn1` is attention of the features to themselves, `attn2` to the prompt."""

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Mixes values: query, key and value, each (batch, tokens, channels), to (batch, tokens, channels)."""


@dataclass(frozen=True)
class BlockPlace:
    """A block of a UNet: its stage, and its number there from 0."""

    stage: Stage
    number: int


@dataclass(frozen=True)
class TransformerPlace:
    """A transformer block: which one of a spatial transformer, and where that one is.

    Attributes:
        block: of the UNet.
        transformer: number of the spatial transformer, counted through the whole UNet.
        depth: number of the block inside it.
        heads, head_dim: of its attentions.
    """

    block: BlockPlace
    transformer: int
    depth: int
    heads: int
    head_dim: int


class UNetPatches:
    """Changes nothing; subclasses override the places that they change."""

    def embedding(self, embedding: Tensor, model_channels: int) -> Tensor:
        """Change the embedding (batch, width) of the timestep and, where there is one, the vector condition."""
        return embedding

    def after_input_block(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        """Change what an input block gives to the next block and to its output block."""
        return hidden

    def after_skip(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        """Change what an input block gives to the next block alone."""
        return hidden

    def after_middle_block(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        """Change what the middle block gives."""
        return hidden

    def before_output_block(self, place: BlockPlace, hidden: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        """Change what an output block is given: from the block before it, and from its input block."""
        return hidden, skip

    def enters_transformer(self, features: Tensor) -> None:
        """Be told of the features (batch, channels, height, width) that a spatial transformer is given."""

    def attention_inputs(
        self, kind: AttentionKind, place: TransformerPlace, hidden: Tensor, key: Tensor, value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Change what the projections to queries, keys and values are applied to, each (batch, tokens, channels)."""
        return hidden, key, value

    def attention(
        self,
        kind: AttentionKind,
        place: TransformerPlace,
        default: Attention,
        query: Tensor,
        key: Tensor,
        value: Tensor,
    ) -> Tensor:
        """Mix the projected values; `default` is the attention itself."""
        return default(query, key, value)

    def after_attention(self, kind: AttentionKind, place: TransformerPlace, mixed: Tensor) -> Tensor:
        """Change what an attention adds to the features."""
        return mixed

    def between_attentions(self, place: TransformerPlace, hidden: Tensor) -> Tensor:
        """Change the features after self-attention."""
        return hidden


UNPATCHED = UNetPatches()
