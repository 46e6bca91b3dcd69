"""The checkpoint that comes with the product makes the pictures that prompts ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import services.executor.bundled
from services.executor.diffusion.checkpoints import Checkpoint, load_checkpoint
from tools.train_tiny.check import agrees, read
from tools.train_tiny.measure import Setting, pictures
from tools.train_tiny.scenes import COLOURS, SHAPES, Scene

FILE = Path(services.executor.bundled.__path__[0]) / "checkpoints" / "silverprint-tiny.safetensors"
LARGEST = 25_000_000  # bytes
PROMPTS = {
    "a red circle on a blue background": ("circle", "red", "blue", 0, 0),
    "a yellow star at the top left, black background": ("star", "yellow", "black", -1, -1),
    "green square on the right, white background": ("square", "green", "white", 1, 0),
    "purple background with a white heart at the bottom": ("heart", "white", "purple", 0, 1),
    "a photo of an orange triangle in the lower left corner on a cyan background": (
        "triangle",
        "orange",
        "cyan",
        -1,
        1,
    ),
    "a black cross at the top, pink backdrop, masterpiece, best quality": ("cross", "black", "pink", 0, -1),
    "blue ball in the upper right, yellow background": ("circle", "blue", "yellow", 1, -1),
    "a beautiful pink heart on a green background, 8k": ("heart", "pink", "green", 0, 0),
    "(white box:1.2) at the bottom right on a red background": ("square", "white", "red", 1, 1),
    "red plus on the left, white background": ("cross", "red", "white", -1, 0),
    "a cyan triangle in the centre of a black background": ("triangle", "cyan", "black", 0, 0),
    "a purple star at the bottom, orange background": ("star", "purple", "orange", 0, 1),
}
OBEYED = 10  # of these twelve, in all attributes


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(FILE)


def _scene(shape: str, colour: str, background: str, column: int, row: int) -> Scene:
    return Scene(SHAPES.index(shape), COLOURS.index(colour), COLOURS.index(background), column, row)


def test_it_is_small() -> None:
    assert FILE.stat().st_size < LARGEST


def test_its_pictures_show_what_prompts_ask_for(checkpoint: Checkpoint) -> None:
    made = pictures(checkpoint, list(PROMPTS), Setting(), seed=1)
    wrong = []
    for (prompt, wanted), picture in zip(PROMPTS.items(), made, strict=True):
        rows = agrees(_scene(*wanted), read(picture))
        wrong += [f"{prompt}: {', '.join(name for name, right in rows.items() if not right)}"] * (
            not all(rows.values())
        )
    assert len(PROMPTS) - len(wrong) >= OBEYED, wrong


def test_its_autoencoder_gives_pictures_back(checkpoint: Checkpoint) -> None:
    assert checkpoint.vae is not None
    picture = torch.zeros(1, 64, 64, 3)
    picture[:, 16:48, 16:48, 0] = 1
    restored = checkpoint.vae.decode(checkpoint.vae.encode(picture))
    assert float((restored - picture).abs().mean()) < 0.05


def test_words_it_does_not_know_change_nothing_of_note(checkpoint: Checkpoint) -> None:
    plain, adorned = pictures(
        checkpoint,
        ["a red circle on a blue background", "an epic red circle on a blue background, trending"],
        Setting(),
        3,
    )
    assert read(plain) == read(adorned)
