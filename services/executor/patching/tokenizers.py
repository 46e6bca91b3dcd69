"""The tokenizers of text encoders, as packs know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from services.executor.diffusion.prompt_tokens import (
    CHUNK_TOKENS,
    EMBEDDING_PREFIX,
    SPLITTABLE_PART,
    FindEmbedding,
    tokenize,
)
from services.executor.diffusion.text_encoding import EncoderUse
from services.executor.diffusion.text_families import SD1_L, SD2_H, SDXL_G, SDXL_L
from services.executor.diffusion.tokenizer import END_TOKEN, START_TOKEN, clip_bpe

#: A token id or a vector, its weight, and, where asked for, the number of its part of the prompt.
TokenPair = tuple[Any, ...]
Chunks = list[list[TokenPair]]

FindEmbeddings = Callable[[str, int], FindEmbedding]
"""Finds the textual inversions for an encoder of a name and a width."""


class SDTokenizer:
    """The tokenizer of one encoder.

    Attributes:
        embedding_size: the width of the encoder.
        embedding_key: what files of textual inversions for several encoders call the vectors for this one.
        pad_token, pad_with_end: how chunks are filled up.
    """

    max_length = CHUNK_TOKENS
    max_word_length = SPLITTABLE_PART
    start_token = START_TOKEN
    end_token = END_TOKEN
    embedding_identifier = EMBEDDING_PREFIX

    def __init__(self, use: EncoderUse, width: int, find_embeddings: FindEmbeddings | None) -> None:
        self._padding = use.padding
        self._find_embedding = find_embeddings and find_embeddings(use.name, width)
        self.embedding_size = width
        self.embedding_key = f"clip_{use.name}"
        self.pad_token = use.padding.token
        self.pad_with_end = self.pad_token == END_TOKEN

    def tokenize_with_weights(self, text: str, return_word_ids: bool = False, **kwargs: Any) -> Chunks:
        """The chunks of a prompt; the third of a token is the number of its part of the prompt, 0 for padding."""
        return [
            [
                (token.value, token.weight, token.part) if return_word_ids else (token.value, token.weight)
                for token in chunk
            ]
            for chunk in tokenize(text, self._padding, self._find_embedding)
        ]

    def untokenize(self, token_weight_pair: Sequence[TokenPair]) -> list[tuple[TokenPair, str]]:
        """Each token with the text that it stands for; the vectors of textual inversions stand for none."""
        pieces = clip_bpe().pieces
        return [(pair, "" if isinstance(pair[0], Tensor) else pieces[pair[0]]) for pair in token_weight_pair]


class _Tokenizers:
    """The tokenizers of a model's encoders, each under the name of its encoder (`clip_l`)."""

    uses: tuple[EncoderUse, ...]

    def __init__(self, widths: Mapping[str, int], find_embeddings: FindEmbeddings | None = None) -> None:
        """Make them for encoders of some widths, by their names."""
        for use in self.uses:
            # Textual inversions are of no use to an encoder that is not there.
            find = find_embeddings if use.name in widths else None
            setattr(self, f"clip_{use.name}", SDTokenizer(use, widths.get(use.name, 0), find))

    def tokenize_with_weights(self, text: str, return_word_ids: bool = False, **kwargs: Any) -> dict[str, Chunks]:
        """The chunks of a prompt, by the names of the encoders."""
        return {use.name: self._of(use).tokenize_with_weights(text, return_word_ids, **kwargs) for use in self.uses}

    def untokenize(self, token_weight_pair: Sequence[TokenPair]) -> list[tuple[TokenPair, str]]:
        """Each token with the text that it stands for."""
        return self._of(self.uses[-1]).untokenize(token_weight_pair)

    def _of(self, use: EncoderUse) -> SDTokenizer:
        tokenizer: SDTokenizer = getattr(self, f"clip_{use.name}")
        return tokenizer


class SD1Tokenizer(_Tokenizers):
    """That of Stable Diffusion 1."""

    uses = (SD1_L,)


class SD2Tokenizer(SD1Tokenizer):
    """That of Stable Diffusion 2."""

    uses = (SD2_H,)


class SDXLTokenizer(_Tokenizers):
    """Those of Stable Diffusion XL, and of its refiner, which has only the second encoder."""

    uses = (SDXL_L, SDXL_G)
