"""CLIP byte-pair encoding: text to token ids, with the vocabulary of OpenAI's CLIP (see clip_bpe/LICENSE)."""

from __future__ import annotations

import functools
import gzip
import unicodedata
from collections.abc import Iterator
from pathlib import Path

START_TOKEN = 49406
END_TOKEN = 49407
VOCABULARY_SIZE = 49408

_MERGES = Path(__file__).parent / "clip_bpe" / "merges.txt.gz"
_WORD_END = "</w>"
_SPECIAL_TOKENS = {"<|startoftext|>": START_TOKEN, "<|endoftext|>": END_TOKEN}
_CONTRACTIONS = ("'re", "'ve", "'ll", "'s", "'t", "'m", "'d")
_WORD_CACHE_SIZE = 16384  # words
_CJK_RANGES = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class ClipBpe:
    """The CLIP vocabulary and its merges; one instance serves any number of threads.

    Attributes:
        pieces: the text of each token id.
    """

    def __init__(self, merges: list[tuple[str, str]]) -> None:
        alphabet = _byte_alphabet()
        symbols = [alphabet[byte] for byte in _byte_order()]
        pieces = symbols + [symbol + _WORD_END for symbol in symbols]
        pieces += ["".join(pair) for pair in merges]
        self.pieces = (*pieces, *_SPECIAL_TOKENS)
        self._alphabet = alphabet
        self._ids = {piece: index for index, piece in enumerate(pieces)}
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._encode_word = functools.lru_cache(_WORD_CACHE_SIZE)(self._merge_word)

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`, without start and end tokens."""
        ids: list[int] = []
        for word in split_words(text):
            special = _SPECIAL_TOKENS.get(word)
            ids.extend(self._encode_word(word) if special is None else (special,))
        return ids

    def _merge_word(self, word: str) -> tuple[int, ...]:
        symbols = [self._alphabet[byte] for byte in word.encode("utf-8", errors="replace")]
        symbols[-1] += _WORD_END
        while len(symbols) > 1:
            pairs = list(zip(symbols, symbols[1:], strict=False))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            symbols = _merge_pair(symbols, best)
        return tuple(self._ids[symbol] for symbol in symbols)


@functools.cache
def clip_bpe() -> ClipBpe:
    """The one shared CLIP vocabulary, read from the package data on first use."""
    packed = _MERGES.read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return ClipBpe([(left, right) for left, right in (line.split() for line in lines)])


def split_words(text: str) -> Iterator[str]:
    """Words as CLIP's pattern splits them: contractions, letters, single digits, other signs."""
    for chunk in _normalise(text).split():
        position = 0
        while position < len(chunk):
            end = _word_end(chunk, position)
            yield chunk[position:end]
            position = end


def _word_end(chunk: str, start: int) -> int:
    for fixed in (*_SPECIAL_TOKENS, *_CONTRACTIONS):
        if chunk.startswith(fixed, start):
            return start + len(fixed)
    kind = _kind(chunk[start])
    if kind == "N":
        return start + 1
    end = start + 1
    while end < len(chunk) and _kind(chunk[end]) == kind:
        if kind == "other" and any(chunk.startswith(token, end) for token in _SPECIAL_TOKENS):
            break
        end += 1
    return end


def _kind(character: str) -> str:
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "other"


def _normalise(text: str) -> str:
    """Lower case, NFC, control characters removed, CJK characters set apart by spaces."""
    characters = []
    for character in text:
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            characters.append(" ")
        elif character == "\ufffd" or unicodedata.category(character)[0] == "C":
            continue
        elif _is_cjk(ord(character)):
            characters.append(f" {character} ")
        else:
            characters.append(character)
    return unicodedata.normalize("NFC", "".join(characters)).lower()


def _is_cjk(code: int) -> bool:
    return any(first <= code <= last for first, last in _CJK_RANGES)


def _merge_pair(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    index = 0
    while index < len(symbols):
        if index + 1 < len(symbols) and (symbols[index], symbols[index + 1]) == pair:
            merged.append(symbols[index] + symbols[index + 1])
            index += 2
        else:
            merged.append(symbols[index])
            index += 1
    return merged


def _byte_order() -> list[int]:
    """Bytes that are printable as they are come first, the others after them."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return printable + [byte for byte in range(256) if byte not in set(printable)]


def _byte_alphabet() -> dict[int, str]:
    order = _byte_order()
    printable_count = 188
    alphabet = {byte: chr(byte) for byte in order[:printable_count]}
    alphabet |= {byte: chr(256 + index) for index, byte in enumerate(order[printable_count:])}
    return alphabet
