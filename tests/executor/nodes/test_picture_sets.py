"""The node that reads all pictures of a folder."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from services.executor import environment
from services.executor.model_folders import ModelFolders
from services.executor.nodes import limits
from services.executor.nodes.picture_sets import LoadImageSetFromFolderNode
from tests.executor.nodes.conftest import Surroundings

NODE = LoadImageSetFromFolderNode


def put(surroundings: Surroundings, name: str, size: tuple[int, int] = (6, 4), shade: int = 255) -> None:
    path = surroundings.folder / "input/set" / name
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size, (shade, shade, shade)).save(path)


def load(resize_method: str = "None") -> torch.Tensor:
    return NODE().load_images("set", resize_method)[0]


def test_pictures_are_a_batch_in_the_order_of_their_names(surroundings: Surroundings) -> None:
    for name, shade in (("c.png", 102), ("a.jpg", 0), ("b.webp", 51)):
        put(surroundings, name, shade=shade)
    (surroundings.folder / "input/set/notes.txt").write_text("not a picture")
    pictures = load()
    assert pictures.shape == (3, 4, 6, 3)
    torch.testing.assert_close(pictures[:, 0, 0, 0], torch.tensor([0.0, 0.2, 0.4]), atol=0.02, rtol=0)


@pytest.mark.parametrize(("method", "corner"), [("Stretch", 1.0), ("Crop", 1.0), ("Pad", 0.0)])
def test_others_are_brought_to_the_size_of_the_first(surroundings: Surroundings, method: str, corner: float) -> None:
    put(surroundings, "a.png", (6, 4), 0)
    put(surroundings, "b.png", (4, 16))
    pictures = load(method)
    assert pictures.shape == (2, 4, 6, 3)
    assert float(pictures[1, 0, 0, 0]) == corner
    assert float(pictures[1, 2, 2, 0]) == pytest.approx(1.0, abs=0.01)


def test_other_pictures_are_another_result(surroundings: Surroundings) -> None:
    put(surroundings, "a.png", shade=0)
    before = NODE.IS_CHANGED("set")
    assert NODE.IS_CHANGED("set") == before
    put(surroundings, "a.png", shade=1)
    changed = NODE.IS_CHANGED("set")
    assert changed != before
    put(surroundings, "b.png")
    assert NODE.IS_CHANGED("set") != changed


def test_what_cannot_be_loaded_is_named(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="^folder: there are no pictures in 'set'"):
        load()
    assert NODE.VALIDATE_INPUTS("set") == "There are no pictures in the input folder set"
    assert "leaves" in str(NODE.VALIDATE_INPUTS("../output")) or "not a name" in str(NODE.VALIDATE_INPUTS("../output"))
    put(surroundings, "a.png")
    assert NODE.VALIDATE_INPUTS("set") is True
    put(surroundings, "b.png", (5, 5))
    with pytest.raises(ValueError, match="^resize_method: a picture has 5 x 5 pixels and the first one 6 x 4"):
        load()
    with pytest.raises(ValueError, match="^resize_method: 'Fill' is not one of None, Stretch, Crop, Pad"):
        load("Fill")
    monkeypatch.setattr(limits, "largest_result", lambda: 2**8)
    with pytest.raises(ValueError, match="^folder: "):
        load("Pad")


def test_folders_of_the_input_folder_are_offered() -> None:
    before = environment.environment()
    here = environment.Environment(ModelFolders(()), list_input_folders=lambda: ["b", "a"])
    environment.install(here)
    try:
        assert NODE.INPUT_TYPES()["required"]["folder"][0] == ["3d"]
        assert here.refresh()
        assert NODE.INPUT_TYPES()["required"]["folder"][0] == ["3d", "a", "b"]
        assert not here.refresh()
    finally:
        environment.install(before)
