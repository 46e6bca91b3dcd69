"""Nodes that read pictures in other ways than `LoadImage`."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from services.errors import NotFound
from services.executor.nodes.load_mask import LoadImageMask, LoadImageOutput, WebcamCapture
from tests.executor.nodes.conftest import Surroundings


def place(surroundings: Surroundings, name: str, picture: Image.Image) -> None:
    path = surroundings.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


@pytest.mark.parametrize(("channel", "value"), [("red", 51), ("green", 102), ("blue", 153), ("alpha", 255 - 204)])
def test_each_channel_is_a_mask_and_transparency_is_masked(
    channel: str, value: int, surroundings: Surroundings
) -> None:
    place(surroundings, "input/a.png", Image.new("RGBA", (3, 2), (51, 102, 153, 204)))
    (mask,) = LoadImageMask().load_image("a.png", channel)
    torch.testing.assert_close(mask, torch.full((1, 2, 3), value / 255))


def test_the_mask_of_an_opaque_picture_is_empty_and_of_its_size(surroundings: Surroundings) -> None:
    place(surroundings, "input/a.png", Image.new("L", (3, 2), 255))
    assert torch.equal(LoadImageMask().load_image("a.png", "alpha")[0], torch.zeros(1, 2, 3))
    assert torch.equal(LoadImageMask().load_image("a.png", "green")[0], torch.ones(1, 2, 3))


def test_another_content_changes_the_mask(surroundings: Surroundings) -> None:
    place(surroundings, "input/a.png", Image.new("L", (1, 1), 1))
    before = LoadImageMask.IS_CHANGED("a.png", "red")
    place(surroundings, "input/a.png", Image.new("L", (1, 1), 2))
    assert LoadImageMask.IS_CHANGED("a.png", "red") != before


@pytest.mark.parametrize("name", ["../secret.png", "nope.png"])
def test_a_picture_that_is_not_there_is_refused(name: str, surroundings: Surroundings) -> None:
    for node in (LoadImageMask, LoadImageOutput, WebcamCapture):
        assert node.VALIDATE_INPUTS(name) == f"Invalid image file: {name}"
    with pytest.raises(NotFound, match=r"nope\.png"):
        LoadImageMask().load_image("nope.png", "red")


def test_a_damaged_picture_and_an_unknown_channel_are_named(surroundings: Surroundings) -> None:
    (surroundings.folder / "input/notes.png").write_text("not a picture")
    with pytest.raises(ValueError, match=r"notes\.png is not a picture"):
        LoadImageMask().load_image("notes.png", "red")
    with pytest.raises(ValueError, match="channel: 'cyan' is not one of"):
        LoadImageMask().load_image("notes.png", "cyan")


def test_pictures_that_were_saved_or_taken_with_a_camera_are_loaded(surroundings: Surroundings) -> None:
    place(surroundings, "output/b.png", Image.new("L", (1, 1), 255))
    place(surroundings, "temp/webcam/c.png", Image.new("L", (2, 1), 0))
    assert LoadImageOutput().load_image("b.png [output]")[0].tolist() == [[[[1.0, 1.0, 1.0]]]]
    assert WebcamCapture.VALIDATE_INPUTS("webcam/c.png [temp]") is True
    assert WebcamCapture().load_capture("webcam/c.png [temp]", 640, 480, True)[0].shape == (1, 1, 2, 3)
