"""Nodes of 3D models that the frontend shows."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
import torch
from PIL import Image

from services.errors import NotFound
from services.executor import environment
from services.executor.model_folders import ModelFolders
from services.executor.nodes.scenes import Load3D, Load3DAnimation, Preview3D, Preview3DAnimation
from services.executor.nodes.video.components import VideoComponents
from services.executor.nodes.video.sources import VideoFromComponents
from tests.executor.nodes.conftest import Surroundings

CAMERA = {"position": {"x": 1, "y": 2, "z": 3}}


@pytest.fixture
def scene(surroundings: Surroundings) -> dict[str, Any]:
    """Pictures as the frontend stores them, each of its own grey."""
    folder = surroundings.folder / "temp/threed"
    folder.mkdir(parents=True)
    names = {}
    for index, name in enumerate(("image", "mask", "normal", "lineart")):
        Image.new("RGBA", (6, 4), (index * 50, index * 50, index * 50, 255 if name != "mask" else 51)).save(
            folder / f"{name}.png"
        )
        names[name] = f"threed/{name}.png [temp]"
    return {**names, "camera_info": CAMERA, "recording": ""}


@pytest.fixture
def models() -> Iterator[None]:
    below = {"3d": ["3d/notes.txt", "3d/deep/chair.GLB", "3d/cat.obj"]}
    before = environment.environment()
    here = environment.Environment(ModelFolders(()), list_inputs_below=lambda folder: below.get(folder, []))
    environment.install(here)
    Load3D.INPUT_TYPES()
    here.refresh()
    yield
    environment.install(before)


def shade(image: torch.Tensor) -> float:
    return round(float(image[0, 0, 0, 0]) * 255)


def test_the_pictures_of_a_scene_are_read(surroundings: Surroundings, scene: dict[str, Any]) -> None:
    image, mask, path, normal, lineart, camera, recording = Load3D().process("3d/cat.obj", scene, 6, 4)
    assert [shade(picture) for picture in (image, normal, lineart)] == [0, 100, 150]
    assert image.shape == (1, 4, 6, 3)
    torch.testing.assert_close(mask, torch.full((1, 4, 6), 0.8))
    assert (path, camera, recording) == ("3d/cat.obj", CAMERA, None)


def test_an_animation_has_no_line_drawing_and_may_have_a_recording(
    surroundings: Surroundings, scene: dict[str, Any]
) -> None:
    video = VideoFromComponents(VideoComponents(torch.zeros(3, 16, 16, 3), Fraction(10)))
    video.save_to(str(surroundings.folder / "temp/threed/clip.mp4"))
    scene |= {"recording": "threed/clip.mp4 [temp]"}
    *_, normal, camera, recording = Load3DAnimation().process("", scene, 6, 4)
    assert shade(normal) == 100
    assert camera == CAMERA
    assert recording.get_frame_count() == 3


def test_what_the_frontend_has_not_sent_is_named(surroundings: Surroundings, scene: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="^image: the frontend has sent no 'lineart' of the scene"):
        Load3D().process("", {**scene, "lineart": ""})
    nothing: Any = ""
    with pytest.raises(ValueError, match="^image: the frontend has sent no 'image' of the scene"):
        Load3D().process("", nothing)
    with pytest.raises(NotFound):
        Load3D().process("", {**scene, "mask": "threed/gone.png [temp]"})


@pytest.mark.usefixtures("models")
def test_models_below_their_folder_are_offered() -> None:
    declared, options = Load3D.INPUT_TYPES()["required"]["model_file"]
    assert declared == ["3d/cat.obj", "3d/deep/chair.GLB"]
    assert options == {"file_upload": True}


def test_any_model_that_exists_may_be_named(surroundings: Surroundings) -> None:
    (surroundings.folder / "input/3d").mkdir()
    (surroundings.folder / "input/3d/cat.obj").write_text("v 0 0 0")
    assert Load3D.VALIDATE_INPUTS("3d/cat.obj") is True
    assert Load3D.VALIDATE_INPUTS("") is True
    assert Load3D.VALIDATE_INPUTS("3d/dog.obj") == "Invalid 3D model: 3d/dog.obj"
    assert Load3D.VALIDATE_INPUTS("../../etc/passwd") == "Invalid 3D model: ../../etc/passwd"


def test_a_model_is_shown_with_its_camera() -> None:
    assert Preview3D().process("mesh/cat.glb", CAMERA) == {"ui": {"result": ["mesh/cat.glb", CAMERA]}}
    assert Preview3DAnimation().process("mesh/cat.glb") == {"ui": {"result": ["mesh/cat.glb", None]}}
