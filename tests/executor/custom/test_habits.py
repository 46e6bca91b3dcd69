"""What packs do that nobody ever promised them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.executor.custom.bench import Prompt, shown
from tests.executor.custom.conftest import Load

IMAGE = ("EmptyImage", {"width": 4, "height": 4, "batch_size": 1, "color": 0xFF})

INHERITING = """
import random
import folder_paths
from nodes import LoadImage, PreviewImage, SaveImage

class PackPreview(SaveImage):
    def __init__(self):
        self.output_dir = folder_paths.get_temp_directory()
        self.type = "temp"
        self.prefix_append = "_temp_abc"
        self.compress_level = 1

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}, "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}}

    FUNCTION = "execute"

    def execute(self, image, prompt=None, extra_pnginfo=None):
        return self.save_images(image, filename_prefix="pack", prompt=prompt, extra_pnginfo=extra_pnginfo)

class PackSave(SaveImage):
    CATEGORY = "pack"

class PackShow(PreviewImage):
    CATEGORY = "pack"

class PackLoad(LoadImage):
    CATEGORY = "pack"

NODE_CLASS_MAPPINGS = {c.__name__: c for c in (PackPreview, PackSave, PackShow, PackLoad)}
"""

LOOKING_AROUND = """
import inspect
import os
import comfy.utils
import folder_paths
import nodes
from server import PromptServer

base = os.path.dirname(folder_paths.__file__)
assert base == folder_paths.base_path == os.path.dirname(inspect.getfile(PromptServer))
assert os.path.isdir(os.path.join(base, "custom_nodes"))
assert comfy.utils.__file__ == os.path.join(base, "comfy", "utils.py")
assert "KSampler" in nodes.NODE_CLASS_MAPPINGS and "Early" in nodes.NODE_CLASS_MAPPINGS
assert folder_paths.get_folder_paths("loras")[0].startswith(folder_paths.models_dir)
assert "loras" in folder_paths.folder_names_and_paths
with open(os.path.join(folder_paths.get_user_directory(), "settings.json"), "w") as settings:
    settings.write("{}")
NODE_CLASS_MAPPINGS = {}
"""

EARLY = """
class Early:
    RETURN_TYPES = ()
    FUNCTION = "go"
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}
NODE_CLASS_MAPPINGS = {"Early": Early, "SaveImage": Early}
NODE_DISPLAY_NAME_MAPPINGS = {"SaveImage": "Mine now"}
"""


def prompt(class_type: str, **inputs: str) -> Prompt:
    name = "image" if class_type == "PackPreview" else "images"
    return {"image": IMAGE, "out": (class_type, {name: ["image", 0], **inputs})}


def test_saving_nodes_can_be_inherited_and_told_where_to_save(load: Load) -> None:
    bench = load(inheriting=INHERITING)
    assert bench.packs.loaded.failures == {}
    assert shown(bench.run(prompt("PackPreview")))["images"] == [
        {"filename": "pack_temp_abc_00001_.png", "subfolder": "", "type": "temp"}
    ]
    assert shown(bench.run(prompt("PackSave", filename_prefix="kept")))["images"] == [
        {"filename": "kept_00001_.png", "subfolder": "", "type": "output"}
    ]
    (image,) = shown(bench.run(prompt("PackShow")))["images"]
    assert image["type"] == "temp"
    assert re.fullmatch(r"ComfyUI_temp_[a-z]{5}_00001_\.png", image["filename"])


def test_packs_look_for_others_beside_the_folder_they_are_in(load: Load, tmp_path: Path) -> None:
    assert load(looking=LOOKING_AROUND, early=EARLY).packs.loaded.failures == {}


def test_a_pack_replaces_no_node_that_is_there(load: Load) -> None:
    loaded = load(early=EARLY).packs.loaded
    assert loaded.classes["SaveImage"].__name__ == "SaveImage"
    assert loaded.display_names["SaveImage"] == "Save Image"


def test_names_of_types_are_as_plain_as_the_texts_they_stand_for(load: Load) -> None:
    source = """
from comfy.comfy_types import IO, ComfyNodeABC, InputTypeDict
class Typed(ComfyNodeABC):
    RETURN_TYPES = (IO.IMAGE, IO.ANY)
    FUNCTION = "go"
    @classmethod
    def INPUT_TYPES(cls) -> InputTypeDict:
        return {"required": {"number": (IO.NUMBER, {}), "any": (IO.ANY, {}), "image": (IO.IMAGE, {})}}
    def go(self, number, any, image): ...
NODE_CLASS_MAPPINGS = {"Typed": Typed}
"""
    definition = load(typed=source).definition("Typed")
    assert definition["input"]["required"] == {"number": ["FLOAT,INT", {}], "any": ["*", {}], "image": ["IMAGE", {}]}
    assert definition["output"] == ["IMAGE", "*"]
    assert "validation" not in definition


def test_a_node_of_ours_under_another_name_stays_ours(load: Load) -> None:
    source = "from nodes import ImageInvert\nNODE_CLASS_MAPPINGS = {'Negative': ImageInvert}\n"
    bench = load(renaming=source)
    assert bench.definition("ImageInvert")["python_module"] == bench.definition("Negative")["python_module"] == "nodes"
