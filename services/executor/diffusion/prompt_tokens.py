"""A prompt as chunks of weighted tokens, each as long as a text encoder's window."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from services.executor.diffusion.prompt_weights import weighted_parts
from services.executor.diffusion.tokenizer import END_TOKEN, START_TOKEN, clip_bpe

LONGEST_PROMPT = 262_144  # characters; 3,500 chunks if each is a token, of which no model makes anything
MOST_CHUNKS = 4096  # embeddings may stand for any number of tokens
CHUNK_TOKENS = 77
SPLITTABLE_PART = 8  # tokens; a part at least this long may be split between two chunks
EMBEDDING_PREFIX = "embedding:"
_NO_PART = 0

logger = logging.getLogger(__name__)

FindEmbedding = Callable[[str], Tensor | None]
"""Returns the vectors (vectors, width) of a textual inversion embedding, None when there is none of that name."""


@dataclass(frozen=True, eq=False)
class Token:
    """One position of a chunk."""

    value: int | Tensor
    """A token id, or the vector (width,) of an embedding."""
    weight: float = 1.0
    part: int = _NO_PART
    """Which part of the prompt it belongs to, from 1; 0 for start, end and padding."""


Chunk = list[Token]


@dataclass(frozen=True)
class Padding:
    """How chunks are filled up: CLIP-L repeats the end token, the OpenCLIP encoders have zeros."""

    token: int = END_TOKEN


def tokenize(prompt: str, padding: Padding = Padding(), find_embedding: FindEmbedding | None = None) -> list[Chunk]:
    """Chunks of CHUNK_TOKENS tokens each; at least one.

    Short parts of a prompt are kept in one chunk, as far as they fit. Without `find_embedding` the names of
    embeddings are words as any other.

    Raises:
        ValueError: the prompt is no text, it or what its embeddings stand for is too long, or its parentheses are
            nested too deep.
    """
    if not isinstance(prompt, str):
        raise ValueError(f"text: {prompt!r} is no text")
    if len(prompt) > LONGEST_PROMPT:
        raise ValueError(f"text: the prompt has {len(prompt)} characters, at most {LONGEST_PROMPT} can be encoded")
    chunks: list[Chunk] = []
    current = [Token(START_TOKEN)]
    room = CHUNK_TOKENS - 1  # the last one is for the end token
    for part in _parts(prompt, find_embedding):
        rest = part
        while len(rest) > room - len(current):
            if len(chunks) >= MOST_CHUNKS:
                raise ValueError(f"text: the prompt has more than {MOST_CHUNKS} chunks of {CHUNK_TOKENS} tokens")
            taken = room - len(current) if len(part) >= SPLITTABLE_PART else 0
            chunks.append(_finished(current + rest[:taken], padding))
            current, rest = [Token(START_TOKEN)], rest[taken:]
        current += rest
    return [*chunks, _finished(current, padding)]


def _finished(chunk: Chunk, padding: Padding) -> Chunk:
    fill = Token(padding.token)
    return [*chunk, Token(END_TOKEN), *[fill] * (CHUNK_TOKENS - 1 - len(chunk))]


def _parts(prompt: str, find_embedding: FindEmbedding | None) -> Iterator[Chunk]:
    number = _NO_PART
    find_embedding = find_embedding and cache(find_embedding)
    for text, weight in weighted_parts(prompt):
        for values in _values(text, find_embedding):
            number += 1
            yield [Token(value, weight, number) for value in values]


def _values(text: str, find_embedding: FindEmbedding | None) -> Iterator[list[int | Tensor]]:
    first, *named = text.replace("\n", " ").split(f" {EMBEDDING_PREFIX}")
    if first.startswith(EMBEDDING_PREFIX):
        named = [first.removeprefix(EMBEDDING_PREFIX), *named]
    elif first:
        yield list(clip_bpe().encode(first))
    for words in named:
        if find_embedding is None:
            yield list(clip_bpe().encode(EMBEDDING_PREFIX + words))
            continue
        vectors, rest = _embedding(words, find_embedding)
        if vectors is not None:
            yield list(vectors)
        if rest:
            yield list(clip_bpe().encode(rest))


def _embedding(words: str, find_embedding: FindEmbedding) -> tuple[Tensor | None, str]:
    """The vectors of the embedding whose name the words begin with, and the words after the name."""
    name, _, rest = words.partition(" ")
    vectors = find_embedding(name)
    bare = name.rstrip(",")
    if vectors is None and bare != name:
        vectors = find_embedding(bare)
        rest = f"{name[len(bare) :]} {rest}"
    if vectors is None:
        logger.warning("there is no embedding %r, it is ignored", bare)
    return vectors, rest
