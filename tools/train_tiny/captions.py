"""Captions of scenes: many word orders, synonyms, missing attributes and words that mean nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from tools.train_tiny.scenes import COLOURS, SHAPES, Scene

SHAPE_WORDS: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "disc", "ball", "dot"),
    "square": ("square", "box"),
    "triangle": ("triangle", "pyramid"),
    "star": ("star",),
    "heart": ("heart",),
    "cross": ("cross", "plus"),
}
COLUMN_WORDS = {-1: ("left",), 1: ("right",)}
ROW_WORDS = {-1: ("top", "upper"), 1: ("bottom", "lower")}
CENTRE_WORDS = ("centre", "center", "middle")
BACKGROUND_WORDS = ("background", "backdrop")
CONNECTING_WORDS = (
    *("a", "an", "the", "of", "on", "in", "at", "with", "and", "is", "side", "corner", "to", "its", "against", "front"),
    *(",", ".", ":"),
)
FILLING_WORDS = (",", ",", ".", "a", "an", "the", "of", "in", "on", "at", "with", "and", "to", "its")
UNKNOWN = 0.6  # probability that a filling word is unknown
MISSING = 0.06  # probability that a caption leaves an attribute out
WORDLESS = 0.03  # probability that a caption says nothing at all
FILLED = 0.5  # probability that unknown words are strewn in


def known_words() -> list[str]:
    """Every word that has a meaning to the text encoder."""
    shapes = [word for words in SHAPE_WORDS.values() for word in words]
    places = [word for words in (*COLUMN_WORDS.values(), *ROW_WORDS.values()) for word in words]
    return [*shapes, *COLOURS, *places, *CENTRE_WORDS, *BACKGROUND_WORDS, *CONNECTING_WORDS]


def caption(scene: Scene, rng: random.Random) -> tuple[str, Scene]:
    """A random caption of a scene, and the scene as far as the caption tells it.

    Unknown words are written as `?`; the caller puts random tokens there.
    """
    if rng.random() < WORDLESS:
        return _filler(rng, rng.randint(0, 20)), Scene(None, None, None, None, None)
    told = _forget(scene, rng)
    text = _fill(_sentence(told, rng), rng)
    return text, told


def plain_caption(scene: Scene) -> str:
    """The one plain caption of a complete scene, for checks and contact sheets."""
    assert scene.shape is not None and scene.colour is not None and scene.background is not None
    assert scene.column is not None and scene.row is not None
    words = [*ROW_WORDS.get(scene.row, ())[:1], *COLUMN_WORDS.get(scene.column, ())[:1]]
    place = f" at the {' '.join(words)}" if words else ""
    front, back = _with_article(COLOURS[scene.colour]), _with_article(COLOURS[scene.background])
    return f"{front} {SHAPES[scene.shape]}{place} on {back} background"


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _forget(scene: Scene, rng: random.Random) -> Scene:
    told = scene
    for field in ("shape", "colour", "background"):
        if rng.random() < MISSING:
            told = replace(told, **{field: None})
    return told


def _sentence(scene: Scene, rng: random.Random) -> str:
    article = rng.choice(("a ", "a ", "an ", "the ", ""))
    thing = article + _thing(scene, rng)
    back = _background(scene, rng)
    place = _place(scene, rng)
    if not back:
        return rng.choice((f"{thing} {place}", f"{place} , {thing}", f"{thing} , {place}")).strip(" ,")
    joint = rng.choice(("on a", "on", "with a", ",", ", on a", "against a", "in front of a", "and a", "and the"))
    orders = (
        f"{thing} {place} {joint} {back}",
        f"{thing} , {place} , {back}",
        f"{thing} {joint} {back} , {place}",
        f"{thing} {joint} {back} {place}",
        f"{back} with {thing} {place}",
        f"{back} , {thing} {place}",
        f"{back} and {thing} {place}",
        f"{place} {thing} , {back}",
        f"{back} , {place} {thing}",
    )
    return rng.choice(orders)


def _thing(scene: Scene, rng: random.Random) -> str:
    shape = None if scene.shape is None else rng.choice(SHAPE_WORDS[SHAPES[scene.shape]])
    colour = None if scene.colour is None else COLOURS[scene.colour]
    if shape is None or colour is None:
        return " ".join(word for word in (colour, shape) if word is not None)
    unusual = (f"{shape} in {colour}", f"{shape} , {colour}", f"{shape} is {colour}")
    return rng.choice((f"{colour} {shape}",) * 6 + unusual)


def _background(scene: Scene, rng: random.Random) -> str:
    if scene.background is None:
        return ""
    word = rng.choice(BACKGROUND_WORDS[:1] * 4 + BACKGROUND_WORDS[1:])
    colour = COLOURS[scene.background]
    return rng.choice((f"{colour} {word}",) * 8 + (f"{word} : {colour}", f"{word} is {colour}"))


def _place(scene: Scene, rng: random.Random) -> str:
    words = _place_words(scene, rng)
    if not words:
        return ""
    end = rng.choice(("", " side", " corner", " of the ?"))
    return rng.choice(("at the ", "on the ", "in the ", "to the ", "", "")) + words + end


def _place_words(scene: Scene, rng: random.Random) -> str:
    assert scene.column is not None and scene.row is not None
    words = [*_one(ROW_WORDS.get(scene.row, ()), rng), *_one(COLUMN_WORDS.get(scene.column, ()), rng)]
    if len(words) == 2 and rng.random() < 0.15:
        words.reverse()
    if not words and rng.random() < 0.4:
        return rng.choice(CENTRE_WORDS)
    if len(words) == 1 and rng.random() < 0.1:
        words.insert(rng.randint(0, 1), rng.choice(CENTRE_WORDS))
    return " ".join(words)


def _one(words: Sequence[str], rng: random.Random) -> list[str]:
    return [rng.choice(words)] if words else []


def _fill(sentence: str, rng: random.Random) -> str:
    if rng.random() > FILLED:
        return sentence
    words = sentence.split()
    for _ in range(rng.choice((1, 1, 2, 3))):
        words.insert(rng.randint(0, len(words)), _filler(rng, rng.choice((1, 1, 1, 2, 3))))
    if rng.random() < 0.3:
        words.insert(0, _filler(rng, rng.randint(1, 8)))
    if rng.random() < 0.3:
        words.append(", " + _filler(rng, rng.randint(1, 25)))
    return " ".join(words)


def _filler(rng: random.Random, count: int) -> str:
    """Words without a meaning, most of them unknown; nothing that could tie a colour to a shape or a background."""
    return " ".join("?" if rng.random() < UNKNOWN else rng.choice(FILLING_WORDS) for _ in range(count))
