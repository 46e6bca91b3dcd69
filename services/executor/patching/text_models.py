"""The networks of text encoders, as packs know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.prompt_tokens import CHUNK_TOKENS, Token
from services.executor.diffusion.text_encoding import TextEncoder, joined
from services.executor.diffusion.tokenizer import END_TOKEN, START_TOKEN
from services.executor.patching.tokenizers import TokenPair

#: Chunks of tokens, by the name of an encoder.
Tokens = Mapping[str, Sequence[Sequence[TokenPair]]]


class SDClipModel(nn.Module):
    """One encoder.

    Attributes:
        transformer: the network.
        layer_idx: the layer whose output is used, counted from the end; the one of the family when it is None.
        return_projected_pooled: whether the pooled output is projected.
        special_tokens: the ids of start, end and padding.
    """

    max_length = CHUNK_TOKENS

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.transformer = encoder.model
        self.use = encoder.use
        self.num_layers = encoder.model.spec.layers
        self.special_tokens = {"start": START_TOKEN, "end": END_TOKEN, "pad": encoder.use.padding.token}
        self.layer_norm_hidden_state = encoder.use.final_norm
        self.layer_idx: int | None = None
        self.return_projected_pooled = encoder.use.project

    def set_clip_options(self, options: Mapping[str, Any]) -> None:
        """Take another layer (`layer`), or a pooled output that is not projected (`projected_pooled`)."""
        self.layer_idx = options.get("layer", self.layer_idx)
        self.return_projected_pooled = options.get("projected_pooled", self.return_projected_pooled)

    def reset_clip_options(self) -> None:
        """Take what the family takes."""
        self.layer_idx = None
        self.return_projected_pooled = self.use.project

    def encode_token_weights(self, token_weight_pairs: Sequence[Sequence[TokenPair]]) -> tuple[Tensor, Tensor]:
        """Embeddings (1, tokens of all chunks, width) and the pooled output (1, width), on the CPU."""
        return self.encoder().encode_chunks(_tokens(token_weight_pairs))

    def encoder(self, options: Mapping[str, Any] = {}) -> TextEncoder:
        """What encodes, under the options that are set and these."""
        encoder = TextEncoder(self.transformer, self.use).with_layer(options.get("layer", self.layer_idx))
        projected = options.get("projected_pooled", self.return_projected_pooled)
        return encoder if projected else encoder.unprojected()


class _ClipModels(nn.Module):
    """The encoders of a model, each under its name (`clip_l`).

    Attributes:
        manual_cast_dtype: what they compute in, whatever the dtype of their weights.
    """

    manual_cast_dtype = torch.float32

    def __init__(self, encoders: Sequence[TextEncoder]) -> None:
        super().__init__()
        for encoder in encoders:
            self.add_module(f"clip_{encoder.use.name}", SDClipModel(encoder))

    def models(self) -> list[SDClipModel]:
        """The encoders in the order of their embeddings."""
        return [model for model in self.children() if isinstance(model, SDClipModel)]

    def set_clip_options(self, options: Mapping[str, Any]) -> None:
        """Take another layer of each, or a pooled output that is not projected."""
        for model in self.models():
            model.set_clip_options(options)

    def reset_clip_options(self) -> None:
        """Take what the family takes."""
        for model in self.models():
            model.reset_clip_options()

    def encode_token_weights(self, token_weight_pairs: Tokens) -> tuple[Tensor, Tensor]:
        """Embeddings and pooled output of chunks by the names of the encoders."""
        return self.encoded(token_weight_pairs, {})

    def encoded(self, tokens: Tokens, options: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """The same under other options.

        Raises:
            ValueError: there are no tokens for one of the encoders.
        """
        encoders = [model.encoder(options) for model in self.models()]
        for encoder in encoders:
            if encoder.use.name not in tokens:
                raise ValueError(f"tokens: there are none for the text encoder {encoder.use.name!r}")
        return joined(encoders, {name: _tokens(chunks) for name, chunks in tokens.items()})


class SD1ClipModel(_ClipModels):
    """That of Stable Diffusion 1, and of other models that have a single one.

    Attributes:
        clip_name: the name of the encoder.
        clip: under which it stands.
    """

    def __init__(self, encoders: Sequence[TextEncoder]) -> None:
        super().__init__(encoders)
        self.clip_name = encoders[0].use.name
        self.clip = f"clip_{self.clip_name}"


class SD2ClipModel(SD1ClipModel):
    """That of Stable Diffusion 2."""


class SDXLRefinerClipModel(SD1ClipModel):
    """That of Stable Diffusion XL's refiner."""


class SDXLClipModel(_ClipModels):
    """Those of Stable Diffusion XL."""


def _tokens(chunks: Sequence[Sequence[TokenPair]]) -> list[list[Token]]:
    return [[Token(pair[0], pair[1]) for pair in chunk] for chunk in chunks]
