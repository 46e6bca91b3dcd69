"""The node that reads all pictures of a folder with the texts beside them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.executor.nodes.captioned_pictures import LoadImageTextSetFromFolderNode
from tests.executor.nodes.conftest import Surroundings
from tests.executor.nodes.test_picture_sets import put

NODE = LoadImageTextSetFromFolderNode


class Encoder:
    """Makes conditionings that say what they are of."""

    def tokenize(self, text: str) -> dict[str, Any]:
        return {"l": text}

    def encode_from_tokens_scheduled(self, tokens: dict[str, Any]) -> list[list[Any]]:
        return [[torch.zeros(1, 1, 1), {"text": tokens["l"]}]]


def load(**how: Any) -> tuple[torch.Tensor, list[str]]:
    pictures, conditioning = NODE().load_images("set", Encoder(), **how)
    return pictures, [options["text"] for _, options in conditioning]


def write(surroundings: Surroundings, name: str, text: bytes) -> None:
    (surroundings.folder / "input/set" / name).write_bytes(text)


def test_each_picture_has_the_text_of_its_name_or_none(surroundings: Surroundings) -> None:
    for name in ("b.png", "a.jpg", "c.webp"):
        put(surroundings, name)
    write(surroundings, "a.txt", "ein Käfer\n".encode())
    write(surroundings, "c.txt", b"a tree")
    pictures, texts = load()
    assert pictures.shape == (3, 4, 6, 3)
    assert texts == ["ein Käfer", "", "a tree"]


def test_pictures_are_brought_to_a_size(surroundings: Surroundings) -> None:
    put(surroundings, "a.png")
    put(surroundings, "b.png", (8, 8))
    assert load(resize_method="Crop", width=10, height=3)[0].shape == (2, 3, 10, 3)
    assert load(resize_method="Pad", width=10)[0].shape == (2, 4, 6, 3)
    with pytest.raises(ValueError, match="^resize_method: "):
        load(width=10, height=3)


def test_another_text_is_another_result(surroundings: Surroundings) -> None:
    put(surroundings, "a.png")
    results = [NODE.IS_CHANGED("set")]
    for text in (b"one", b"two"):
        write(surroundings, "a.txt", text)
        results.append(NODE.IS_CHANGED("set", resize_method="None"))
    assert len({tuple(result) for result in results}) == 3


def test_what_cannot_be_loaded_is_named(surroundings: Surroundings) -> None:
    with pytest.raises(ValueError, match="^folder: there are no pictures in 'set'"):
        load()
    put(surroundings, "a.png")
    write(surroundings, "a.txt", b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"^folder: set/a\.txt is no text"):
        load()
    with pytest.raises(ValueError, match="^clip: "):
        NODE().load_images("set", None)
