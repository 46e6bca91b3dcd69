"""Nodes of 3D models that the frontend shows, and of the pictures that it takes of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor

from services.errors import InvalidArgument
from services.executor.engine.context import current_context
from services.executor.environment import environment
from services.executor.nodes.declarations import Declaration, whole
from services.executor.nodes.load_image import LoadImage
from services.executor.nodes.video.interface import Video
from services.executor.nodes.video.sources import VideoFromFile
from services.files.names import parse_annotated
from services.graph.input_lists import InputList

#: Where the frontend puts models.
FOLDER = "3d"
MODELS = InputList((".gltf", ".glb", ".obj", ".fbx", ".stl"), below=FOLDER)

#: What the frontend stores of a scene: names of files, and how it was seen.
Scene = Mapping[str, Any]

CAMERA: Declaration = ("LOAD3D_CAMERA", {})


class _SceneNode:
    FUNCTION = "process"
    CATEGORY = "3d"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_load_3d"


class _Load3D(_SceneNode):
    """Pictures that the frontend took of a model when the prompt was queued.

    Attributes:
        SCENE: the type of the input that they come with.
        PICTURES: those besides the view itself and the mask.
    """

    LISTS = MappingProxyType({"model_file": MODELS})
    CHANGES_WITH = True  # the scene names the pictures that the frontend took of it
    SCENE = ""
    PICTURES: tuple[str, ...] = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model's name, the scene, and the size of the pictures; the frontend takes care of all of them."""
        side = whole(1024, 1, 4096)
        return {
            "required": {
                "model_file": (environment().offered(MODELS), {"file_upload": True}),
                "image": (cls.SCENE, {}),
                "width": side,
                "height": side,
            }
        }

    def process(self, model_file: str, image: Scene, width: int = 0, height: int = 0) -> tuple[Any, ...]:
        """Return the view, its mask (1 where nothing is), the model's name, the other pictures, how it was seen, and
        the recording (None without one).

        Raises:
            InvalidArgument: this cannot be the name of a model.
            NotFound: a picture is gone.
            ValueError: the frontend has not sent a picture, or it is none.
        """
        if model_file:
            parse_annotated(model_file)
        view, _ = _picture(image, "image")
        _, mask = _picture(image, "mask")
        others = [_picture(image, name)[0] for name in self.PICTURES]
        return view, mask, model_file, *others, image.get("camera_info"), _recording(image)

    @classmethod
    def VALIDATE_INPUTS(cls, model_file: str) -> bool | str:
        """Any file that exists may be named, listed or not; none when the scene is empty."""
        try:
            exists = not model_file or current_context().files.exists(parse_annotated(model_file))
        except InvalidArgument:
            exists = False
        return exists or f"Invalid 3D model: {model_file}"


class Load3D(_Load3D):
    """Pictures of a model."""

    DISPLAY_NAME = "Load 3D"
    RETURN_TYPES = ("IMAGE", "MASK", "STRING", "IMAGE", "IMAGE", "LOAD3D_CAMERA", "VIDEO")
    RETURN_NAMES = ("image", "mask", "mesh_path", "normal", "lineart", "camera_info", "recording_video")
    SCENE = "LOAD_3D"
    PICTURES = ("normal", "lineart")


class Load3DAnimation(_Load3D):
    """Pictures of a model that moves."""

    DISPLAY_NAME = "Load 3D - Animation"
    RETURN_TYPES = ("IMAGE", "MASK", "STRING", "IMAGE", "LOAD3D_CAMERA", "VIDEO")
    RETURN_NAMES = ("image", "mask", "mesh_path", "normal", "camera_info", "recording_video")
    SCENE = "LOAD_3D_ANIMATION"
    PICTURES = ("normal",)


class Preview3D(_SceneNode):
    """A model, shown by the frontend."""

    DISPLAY_NAME = "Preview 3D"
    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model's name in the output folder, and how to look at it."""
        name = ("STRING", {"default": "", "multiline": False})
        return {"required": {"model_file": name}, "optional": {"camera_info": CAMERA}}

    def process(self, model_file: str, camera_info: object = None) -> dict[str, Any]:
        """Show it."""
        return {"ui": {"result": [model_file, camera_info]}}


class Preview3DAnimation(Preview3D):
    """A model that moves, shown by the frontend."""

    DISPLAY_NAME = "Preview 3D - Animation"


def _picture(scene: Scene, name: str) -> tuple[Tensor, Tensor]:
    return LoadImage().load_image(_named(scene, name))


def _recording(scene: Scene) -> Video | None:
    if not scene.get("recording"):
        return None
    text = _named(scene, "recording")
    files, name = current_context().files, parse_annotated(text)
    return VideoFromFile(lambda: files.fetch(name), text)


def _named(scene: Scene, name: str) -> str:
    text = scene.get(name) if isinstance(scene, Mapping) else None
    if not isinstance(text, str) or not text:
        raise ValueError(f"image: the frontend has sent no {name!r} of the scene")
    return text


NODES: tuple[type, ...] = (Load3D, Load3DAnimation, Preview3D, Preview3DAnimation)
