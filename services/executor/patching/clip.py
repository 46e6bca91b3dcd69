"""The CLIP that flows between nodes: a text encoder and its tokenizer."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.models.clip_text import ClipText
from services.executor.diffusion.prompt_tokens import CHUNK_TOKENS, EMBEDDING_PREFIX, FindEmbedding, Token, tokenize
from services.executor.diffusion.text_encoding import TextEncoder
from services.executor.diffusion.tokenizer import END_TOKEN, START_TOKEN, clip_bpe
from services.executor.patching.model_patcher import ModelPatcher

#: Chunks of (token, weight) or (token, weight, word), by the name of an encoder; a token is an id or a vector.
Tokens = Mapping[str, Sequence[Sequence[tuple[Any, ...]]]]

ENCODER = "l"


class SDTokenizer:
    """The tokenizer of one encoder."""

    max_length = CHUNK_TOKENS
    start_token = START_TOKEN
    end_token = END_TOKEN
    embedding_identifier = EMBEDDING_PREFIX

    def __init__(self, find_embedding: FindEmbedding) -> None:
        self._find_embedding = find_embedding

    def tokenize_with_weights(
        self, text: str, return_word_ids: bool = False, **kwargs: Any
    ) -> list[list[tuple[Any, ...]]]:
        """The chunks of a prompt; the third of a token is the number of its part of the prompt, 0 for padding."""
        return [
            [
                (token.value, token.weight, token.part) if return_word_ids else (token.value, token.weight)
                for token in chunk
            ]
            for chunk in tokenize(text, find_embedding=self._find_embedding)
        ]

    def untokenize(self, token_weight_pair: Sequence[tuple[Any, ...]]) -> list[tuple[tuple[Any, ...], str]]:
        """Each token with the text that it stands for."""
        pieces = clip_bpe().pieces
        return [(pair, pieces[pair[0]]) for pair in token_weight_pair]


class SD1Tokenizer:
    """The tokenizer of a model with one encoder."""

    def __init__(self, find_embedding: FindEmbedding) -> None:
        self.clip_l = SDTokenizer(find_embedding)

    def tokenize_with_weights(
        self, text: str, return_word_ids: bool = False, **kwargs: Any
    ) -> dict[str, list[list[tuple[Any, ...]]]]:
        """The chunks of a prompt, by the name of the encoder."""
        return {ENCODER: self.clip_l.tokenize_with_weights(text, return_word_ids, **kwargs)}

    def untokenize(self, token_weight_pair: Sequence[tuple[Any, ...]]) -> list[tuple[tuple[Any, ...], str]]:
        """Each token with the text that it stands for."""
        return self.clip_l.untokenize(token_weight_pair)


class SDClipModel(nn.Module):
    """One encoder.

    Attributes:
        transformer: the network.
        layer_idx: the layer whose output is used, counted from the end; the last when it is None.
    """

    def __init__(self, transformer: ClipText) -> None:
        super().__init__()
        self.transformer = transformer
        self.layer_idx: int | None = None

    def set_clip_options(self, options: Mapping[str, Any]) -> None:
        """Take another layer."""
        self.layer_idx = options.get("layer", self.layer_idx)

    def reset_clip_options(self) -> None:
        """Take the last layer."""
        self.layer_idx = None

    def encode_token_weights(self, token_weight_pairs: Sequence[Sequence[tuple[Any, ...]]]) -> tuple[Tensor, Tensor]:
        """Embeddings (1, tokens of all chunks, width) and the pooled output (1, width), on the CPU."""
        return self.encoded(token_weight_pairs, self.layer_idx)

    def encoded(self, chunks: Sequence[Sequence[tuple[Any, ...]]], layer: int | None) -> tuple[Tensor, Tensor]:
        """The same, of a layer."""
        encoder = TextEncoder(self.transformer).with_layer(-1 if layer is None else layer)
        return encoder.encode_chunks([[Token(pair[0], pair[1]) for pair in chunk] for chunk in chunks])


class SD1ClipModel(nn.Module):
    """The encoders of a model that has one.

    Attributes:
        manual_cast_dtype: what it computes in, whatever the dtype of its weights.
    """

    manual_cast_dtype = torch.float32

    def __init__(self, transformer: ClipText) -> None:
        super().__init__()
        self.clip_l = SDClipModel(transformer)

    def set_clip_options(self, options: Mapping[str, Any]) -> None:
        """Take another layer."""
        self.clip_l.set_clip_options(options)

    def reset_clip_options(self) -> None:
        """Take the last layer."""
        self.clip_l.reset_clip_options()

    def encode_token_weights(self, token_weight_pairs: Tokens) -> tuple[Tensor, Tensor]:
        """Embeddings and pooled output of chunks by the name of the encoder."""
        return self.clip_l.encode_token_weights(token_weight_pairs[ENCODER])


class CLIP:
    """A text encoder with its tokenizer.

    Attributes:
        cond_stage_model: the network, shared by clones.
        tokenizer: makes tokens of prompts.
        patcher: the network with changes of its weights.
        layer_idx: the layer whose output is used, counted from the end; the last when it is None.
    """

    use_clip_schedule = False

    def __init__(self, encoder: TextEncoder) -> None:
        self.cond_stage_model = SD1ClipModel(encoder.model)
        self.tokenizer = SD1Tokenizer(encoder.find_embedding)
        self.patcher = ModelPatcher(self.cond_stage_model)
        self.layer_idx: int | None = None

    def clone(self) -> CLIP:
        """The same encoder with a copy of the changes."""
        clone = copy.copy(self)
        clone.patcher = self.patcher.clone()
        return clone

    def clip_layer(self, layer_idx: int) -> None:
        """Use the output of another layer, the last one when there are not as many."""
        self.layer_idx = layer_idx

    def tokenize(
        self, text: str, return_word_ids: bool = False, **kwargs: Any
    ) -> dict[str, list[list[tuple[Any, ...]]]]:
        """The chunks of a prompt, by the name of the encoder."""
        return self.tokenizer.tokenize_with_weights(text, return_word_ids, **kwargs)

    def encode(self, text: str) -> Tensor:
        """The embedding (1, tokens, width) of a prompt."""
        embedding: Tensor = self.encode_from_tokens(self.tokenize(text))
        return embedding

    def encode_from_tokens(self, tokens: Tokens, return_pooled: bool = False, return_dict: bool = False) -> Any:
        """The embedding (1, tokens, width) of tokens, or (embedding, pooled output), or a dictionary of both."""
        embedding, pooled = self.patcher.patched().clip_l.encoded(tokens[ENCODER], self.layer_idx)
        if return_dict:
            return {"cond": embedding, "pooled_output": pooled}
        return (embedding, pooled) if return_pooled else embedding

    def encode_from_tokens_scheduled(
        self, tokens: Tokens, unprojected: bool = False, add_dict: Mapping[str, Any] = {}, show_pbar: bool = True
    ) -> list[list[Any]]:
        """The conditioning of tokens; `add_dict` is added to its options."""
        embedding, pooled = self.encode_from_tokens(tokens, return_pooled=True)
        return [[embedding, {"pooled_output": pooled, **add_dict}]]

    def add_patches(
        self, patches: Mapping[Any, Any], strength_patch: float = 1.0, strength_model: float = 1.0
    ) -> list[Any]:
        """Change weights, see `ModelPatcher.add_patches`."""
        return self.patcher.add_patches(patches, strength_patch, strength_model)

    def get_key_patches(self) -> dict[str, list[Any]]:
        """Each weight with its patches, as values for `add_patches` of another encoder."""
        return self.patcher.get_key_patches()

    def get_sd(self) -> dict[str, Tensor]:
        """The weights with their changes."""
        found: dict[str, Tensor] = self.patcher.patched().state_dict()
        return found

    def load_model(self) -> ModelPatcher:
        """Nothing to load: what computes."""
        return self.patcher
