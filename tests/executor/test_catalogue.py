"""Node definitions as clients get them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from services.executor import environment
from services.executor.catalogue import definitions_json, digest_of
from services.executor.model_folders import ModelFolders
from services.executor.nodes import DISPLAY_NAMES, NODE_CLASSES
from services.graph.input_lists import PICTURES, SOUNDS

#: One file per family of nodes.
RECORDED = {
    name: entry
    for path in sorted((Path(__file__).parents[1] / "recorded").glob("object_info*.json"))
    for name, entry in json.loads(path.read_text()).items()
}


@pytest.fixture(scope="module")
def catalogue() -> bytes:
    before = environment.environment()
    here = environment.Environment(ModelFolders(()), list_inputs=lambda: ["example.png", "notes.txt"])
    here.refresh()
    environment.install(here)
    try:
        return definitions_json(NODE_CLASSES, DISPLAY_NAMES)
    finally:
        environment.install(before)


@pytest.fixture
def definitions(catalogue: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(catalogue)
    return parsed


@pytest.mark.parametrize("name", RECORDED)
def test_a_definition_equals_the_recorded_one_but_for_its_sentences(name: str, definitions: dict[str, Any]) -> None:
    ours = definitions[name]
    ours.pop("validation", None)
    ours.pop("changes", None)
    ours.pop("lists", None)
    for kind in ("required", "optional"):
        for config in ours["input"].get(kind, {}).values():
            if len(config) > 1:
                config[1].pop("tooltip", None)
    ours["description"] = bool(ours["description"])
    if "output_tooltips" in ours:
        ours["output_tooltips"] = [bool(tooltip) for tooltip in ours["output_tooltips"]]
    assert ours == RECORDED[name]
    assert list(ours) == list(RECORDED[name])
    assert json.dumps(ours["input"]) == json.dumps(RECORDED[name]["input"])


def test_every_node_has_a_definition_and_every_definition_was_recorded(definitions: dict[str, Any]) -> None:
    assert set(definitions) == set(RECORDED) == set(NODE_CLASSES)


def test_classes_that_check_their_own_inputs_say_which(definitions: dict[str, Any]) -> None:
    assert definitions["LoadImage"]["validation"] == {"arguments": ["image"], "any": False}
    assert "validation" not in definitions["EmptyImage"]


def test_classes_whose_results_change_say_with_which_files_if_they_can(definitions: dict[str, Any]) -> None:
    changes = {name: definition["changes"] for name, definition in definitions.items() if "changes" in definition}
    assert changes.keys() == {name for name, cls in NODE_CLASSES.items() if hasattr(cls, "IS_CHANGED")} | {
        "Load3D",
        "Load3DAnimation",
    }
    assert changes["LoadImage"] == changes["LoadImageMask"] == changes["WebcamCapture"] == ["image"]
    assert (changes["LoadVideo"], changes["LoadLatent"]) == (["file"], ["latent"])
    assert changes["SaveImageWebsocket"] is changes["LoadImageSetFromFolderNode"] is changes["Load3D"] is True


def test_classes_say_which_inputs_workflows_from_before_they_existed_lack(definitions: dict[str, Any]) -> None:
    assert definitions["CLIPVisionEncode"]["validation"] == {"arguments": [], "any": False, "absent": ["crop"]}


class Unbounded:
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        bounds = {"min": float("-inf"), "max": float("inf"), "default": float("nan")}
        return {"required": {"x": ("FLOAT", bounds)}}

    @classmethod
    def VALIDATE_INPUTS(cls, **kwargs: object) -> bool:
        return True


class Broken:
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        raise FileNotFoundError("a folder that only the author has")


def test_infinite_limits_become_the_largest_numbers_json_can_hold() -> None:
    node = json.loads(definitions_json({"Unbounded": Unbounded}, {}))["Unbounded"]
    assert node["input"]["required"]["x"][1] == {
        "min": -1.7976931348623157e308,
        "max": 1.7976931348623157e308,
        "default": None,
    }
    assert node["validation"] == {"arguments": [], "any": True}
    assert node["display_name"] == "Unbounded"


def test_a_class_without_a_usable_definition_is_named_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        names = json.loads(definitions_json({"Broken": Broken, "Unbounded": Unbounded}, {})).keys()
    assert names == {"Unbounded"}
    assert "Broken" in caplog.text


def test_the_digest_changes_with_the_content() -> None:
    assert digest_of(b"{}") != digest_of(b'{"a": 1}')
    assert len(digest_of(b"{}")) == 64


def test_inputs_that_offer_files_say_which() -> None:
    definitions = json.loads(definitions_json({**NODE_CLASSES, "OfAPack": OfAPack}, {}))
    lists = {name: definition["lists"] for name, definition in definitions.items() if "lists" in definition}
    assert lists["LoadImage"] == lists["LoadImageMask"] == {"image": {"suffixes": list(PICTURES.suffixes)}}
    assert lists["LoadLatent"] == {"latent": {"suffixes": [".latent"]}}
    assert lists["Load3D"]["model_file"]["below"] == "3d"
    assert lists["LoadImageSetFromFolderNode"] == {"folder": {"folders": ["3d"]}}
    assert lists["OfAPack"] == {"sound": {"suffixes": list(SOUNDS.suffixes)}, "any": {}}
    assert "KSampler" not in lists


class OfAPack:
    """Says by flags which inputs front ends upload files for."""

    RETURN_TYPES = ()
    FUNCTION = "go"
    CATEGORY = "pack"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "sound": (["a.wav"], {"audio_upload": True}),
                "any": ("COMBO", {"options": [], "file_upload": True}),
                "remote": ("COMBO", {"image_upload": True, "remote": {}}),
                "choice": (["a"], {"image_upload": False}),
            }
        }
