"""Prompts encoded by CLIP text encoders into the conditioning that samplers take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.models.clip_text import ClipText
from services.executor.diffusion.prompt_tokens import Chunk, FindEmbedding, Padding, tokenize
from services.executor.diffusion.tokenizer import END_TOKEN

CHUNKS_AT_ONCE = 64


@dataclass(frozen=True)
class EncoderUse:
    """How a family of models uses one of its text encoders.

    Attributes:
        name: "l", "h" or "g", after CLIP's ViT-L and OpenCLIP's ViT-H and ViT-bigG: what tokens and nodes call it.
        layer: whose hidden state is used, counted from the end (-1 is the last); None for the network's output, which
            is the last one's, normalised.
        final_norm: whether the hidden state of a layer is normalised as the output is.
        project: whether the pooled output is projected, where the file has a projection.
        padding: how chunks are filled up.
    """

    name: str
    layer: int | None = None
    final_norm: bool = True
    project: bool = True
    padding: Padding = Padding()


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """One text encoder.

    Attributes:
        model: the network; its weights are fp16, it computes in float32.
        use: how it is used.
    """

    model: ClipText
    use: EncoderUse

    def with_layer(self, layer: int | None) -> TextEncoder:
        """The same encoder that stops at another layer, at its end when it has not as many; None changes nothing."""
        if layer is None:
            return self
        layers = self.model.spec.layers + self.model.spec.omitted_layers
        return self._using(layer=layer if abs(layer) <= layers else None)

    def unprojected(self) -> TextEncoder:
        """The same encoder with a pooled output that is not projected."""
        return self._using(project=False)

    def _using(self, **changes: Any) -> TextEncoder:
        return TextEncoder(self.model, replace(self.use, **changes))

    @torch.inference_mode()
    def encode_chunks(self, chunks: Sequence[Chunk]) -> tuple[Tensor, Tensor]:
        """Embeddings (1, tokens of all chunks, width) and the pooled output (1, width) of the first chunk.

        A token's weight scales how far its embedding is from that of the empty prompt at the same position.

        Raises:
            ValueError: the embeddings are not finite.
        """
        weights = torch.tensor([[token.weight for token in chunk] for chunk in chunks])
        weighted = bool((weights != 1).any())
        hidden, pooled = self._run([*chunks, *tokenize("", self.use.padding)] if weighted else chunks)
        if weighted:
            empty = hidden[-1]
            strengthened = (hidden[:-1] - empty) * weights[:, :, None] + empty
            hidden = torch.where(weights[:, :, None] == 1, hidden[:-1], strengthened)
        if not bool(hidden.isfinite().all()):
            raise ValueError(
                "text: its embedding is not finite; a weight is too large, or a textual inversion is broken"
            )
        return hidden.flatten(0, 1)[None], pooled[:1]

    def _run(self, chunks: Sequence[Chunk]) -> tuple[Tensor, Tensor]:
        parts = [self._run_at_once(chunks[at : at + CHUNKS_AT_ONCE]) for at in range(0, len(chunks), CHUNKS_AT_ONCE)]
        hidden, pooled = zip(*parts, strict=True)
        return torch.cat(hidden), torch.cat(pooled)

    def _run_at_once(self, chunks: Sequence[Chunk]) -> tuple[Tensor, Tensor]:
        device = self.model.token_table.device
        ids = torch.tensor([[_id(token.value) for token in chunk] for chunk in chunks], device=device)
        embeddings = self.model.embed(ids)
        for row, chunk in enumerate(chunks):
            for column, token in enumerate(chunk):
                if isinstance(token.value, Tensor):
                    embeddings[row, column] = token.value
        ends = (ids == END_TOKEN).int().argmax(dim=1)
        output = self.model(embeddings, ends, self.use.layer, self.use.final_norm, self.use.project)
        return output.hidden.float().cpu(), output.pooled.float().cpu()


def _id(value: int | Tensor) -> int:
    # An embedding's vector takes the place of whatever token stands here.
    return value if isinstance(value, int) else 0


@dataclass(frozen=True, eq=False)
class TextEncoders:
    """The text encoders of a model, in the order in which their embeddings stand side by side."""

    encoders: tuple[TextEncoder, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What tokens and nodes call the encoders."""
        return tuple(encoder.use.name for encoder in self.encoders)

    def encode(
        self, prompt: str, layer: int | None = None, find_embedding: FindEmbedding | None = None
    ) -> list[list[Any]]:
        """The conditioning of a prompt: one entry, its embedding (1, 77 * chunks, width) and its pooled output."""
        chunks = {encoder.use.name: tokenize(prompt, encoder.use.padding, find_embedding) for encoder in self.encoders}
        embedding, pooled = joined([encoder.with_layer(layer) for encoder in self.encoders], chunks)
        return [[embedding, {"pooled_output": pooled}]]


def joined(encoders: Sequence[TextEncoder], chunks: Mapping[str, Sequence[Chunk]]) -> tuple[Tensor, Tensor]:
    """Embeddings of several encoders side by side, as long as the shortest, and the pooled output of the last one.

    `chunks` are by the names of the encoders.
    """
    outputs = [encoder.encode_chunks(chunks[encoder.use.name]) for encoder in encoders]
    length = min(embedding.shape[1] for embedding, _ in outputs)
    return torch.cat([embedding[:, :length] for embedding, _ in outputs], dim=-1), outputs[-1][1]
