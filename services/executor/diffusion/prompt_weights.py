"""The weights that prompts give to their parts: `(word:1.2)`, `(word)` for 1.1, `\\(` for a plain parenthesis."""

from __future__ import annotations

from typing import NamedTuple

PARENTHESIS_FACTOR = 1.1
DEEPEST_NESTING = 255
_ESCAPED = {"\\(": "\0\2", "\\)": "\0\1"}
_PLAIN = {"\0\2": "(", "\0\1": ")"}


class WeightedText(NamedTuple):
    """A part of a prompt."""

    text: str
    weight: float


def weighted_parts(prompt: str) -> list[WeightedText]:
    """A prompt's parts in order, parentheses taken off and escaped ones made plain.

    Raises:
        ValueError: parentheses are nested too deep.
    """
    return [WeightedText(restored(text), weight) for text, weight in weigh(escaped(prompt), 1.0)]


def escaped(prompt: str) -> str:
    """A prompt with stand-ins for its escaped parentheses."""
    for sign, stand_in in _ESCAPED.items():
        prompt = prompt.replace(sign, stand_in)
    return prompt


def restored(text: str) -> str:
    """A part of an escaped prompt with plain parentheses in place of the stand-ins."""
    for stand_in, plain in _PLAIN.items():
        text = text.replace(stand_in, plain)
    return text


def weigh(text: str, weight: float, depth: int = 0) -> list[WeightedText]:
    """The parts of an escaped prompt in order; `weight` is that of what is in no parentheses.

    Raises:
        ValueError: parentheses are nested too deep.
    """
    if depth > DEEPEST_NESTING:
        raise ValueError(f"text: the prompt nests parentheses more than {DEEPEST_NESTING} deep")
    parts: list[WeightedText] = []
    for piece in _outer_pieces(text):
        if len(piece) < 2 or piece[0] != "(" or piece[-1] != ")":
            parts.append(WeightedText(piece, weight))
            continue
        inner = piece[1:-1]
        factor = weight * PARENTHESIS_FACTOR
        head, colon, number = inner.rpartition(":")
        # A colon at the very start is part of the text, whatever follows it.
        if colon and head and (given := _number(number)) is not None:
            inner, factor = head, given
        parts += weigh(inner, factor, depth + 1)
    return parts


def _outer_pieces(text: str) -> list[str]:
    """Split into outermost parenthesised groups and what stands between them; a group left open runs to the end."""
    pieces, current, depth = [], "", 0
    for character in text:
        if character == "(" and depth == 0 and current:
            pieces.append(current)
            current = ""
        depth += {"(": 1, ")": -1}.get(character, 0)
        current += character
        if character == ")" and depth == 0:
            pieces.append(current)
            current = ""
    return [*pieces, current] if current else pieces


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
