"""Prompts encoded by a CLIP text encoder into the conditioning that samplers take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.models.clip_text import ClipText
from services.executor.diffusion.prompt_tokens import Chunk, FindEmbedding, no_embeddings, tokenize
from services.executor.diffusion.tokenizer import END_TOKEN


class TextEncoder:
    """The text encoder of Stable Diffusion 1.

    Attributes:
        model: the network; its weights are fp16, it computes in float32 on CPUs.
        layer: whose hidden state is used, counted from the end (-1 is the last); normalised in any case.
        find_embedding: finds the vectors of `embedding:name` in prompts.
    """

    def __init__(self, model: ClipText, layer: int = -1, find_embedding: FindEmbedding = no_embeddings) -> None:
        self.model = model
        self.layer = layer
        self.find_embedding = find_embedding

    def with_layer(self, layer: int) -> TextEncoder:
        """The same encoder (weights shared) that stops at another layer, at the last one when it has not as many."""
        return TextEncoder(self.model, layer if -layer <= self.model.spec.layers else -1, self.find_embedding)

    def encode(self, prompt: str) -> list[list[Any]]:
        """The conditioning of a prompt: one entry, its embedding (1, 77 * chunks, width) and its pooled output."""
        embedding, pooled = self.encode_chunks(tokenize(prompt, find_embedding=self.find_embedding))
        return [[embedding, {"pooled_output": pooled}]]

    @torch.inference_mode()
    def encode_chunks(self, chunks: Sequence[Chunk]) -> tuple[Tensor, Tensor]:
        """Embeddings (1, tokens of all chunks, width) and the pooled output (1, width) of the first chunk.

        A token's weight scales how far its embedding is from that of the empty prompt at the same position.
        """
        weights = torch.tensor([[token.weight for token in chunk] for chunk in chunks])
        weighted = bool((weights != 1).any())
        hidden, pooled = self._run([*chunks, *tokenize("")] if weighted else chunks)
        if weighted:
            empty = hidden[-1]
            strengthened = (hidden[:-1] - empty) * weights[:, :, None] + empty
            hidden = torch.where(weights[:, :, None] == 1, hidden[:-1], strengthened)
        return hidden.flatten(0, 1)[None], pooled[:1]

    def _run(self, chunks: Sequence[Chunk]) -> tuple[Tensor, Tensor]:
        device = self.model.token_table.device
        ids = torch.tensor([[_id(token.value) for token in chunk] for chunk in chunks], device=device)
        embeddings = self.model.embed(ids)
        for row, chunk in enumerate(chunks):
            for column, token in enumerate(chunk):
                if isinstance(token.value, Tensor):
                    embeddings[row, column] = token.value
        ends = (ids == END_TOKEN).int().argmax(dim=1)
        output = self.model(embeddings, ends, layer=self.layer)
        return output.hidden.float().cpu(), output.pooled.float().cpu()


def _id(value: int | Tensor) -> int:
    # An embedding's vector takes the place of whatever token stands here.
    return value if isinstance(value, int) else 0
