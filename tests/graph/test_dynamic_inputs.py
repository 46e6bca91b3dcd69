"""Inputs that stand for others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.graph.definitions import InputDefinition, read_inputs
from services.graph.dynamic_inputs import expanded, find
from services.graph.errors import PromptRejected
from services.graph.model import Link
from tests.graph.catalogues import catalogue, graph, validated

GROWING = (
    "COMFY_AUTOGROW_V3",
    {"template": {"input": {"required": {"i": ["IMAGE", {}]}}, "prefix": "i", "min": 2, "max": 4}},
)
NAMED = ("COMFY_AUTOGROW_V3", {"template": {"input": {"required": {"i": ["INT", {}]}}, "names": ["a", "b"], "min": 1}})
CROP = ["COMBO", {"options": ["no", "yes"]}]
CHOOSING = (
    "COMFY_DYNAMICCOMBO_V3",
    {
        "options": [
            {"key": "size", "inputs": {"required": {"width": ["INT", {"min": 1}], "crop": CROP}}},
            {"key": "factor", "inputs": {"required": {"by": ["FLOAT", {}]}, "optional": {"crop": ["BOOLEAN", {}]}}},
            {"key": "deep", "inputs": {"required": {"inner": ["COMFY_DYNAMICCOMBO_V3", {"options": []}]}}},
            {"key": "none", "inputs": {}},
        ]
    },
)


def names(declared: dict[str, Any], group: str = "required", **given: Any) -> dict[str, bool]:
    found = expanded(read_inputs({group: declared}), given)
    assert all(name == one.name for name, one in found.items())
    return {name: one.required for name, one in found.items()}


def test_a_growing_input_stands_for_as_many_as_there_can_be() -> None:
    assert names({"x": GROWING}) == {"x.i0": True, "x.i1": True, "x.i2": False, "x.i3": False}
    assert names({"x": NAMED}) == {"x.a": True, "x.b": False}
    assert set(names({"x": GROWING}, "optional").values()) == {False}


def test_a_choice_stands_for_the_inputs_of_what_is_chosen() -> None:
    assert names({"x": CHOOSING}, x="size") == {"x": True, "x.width": True, "x.crop": True}
    assert names({"x": CHOOSING}, x="factor") == {"x": True, "x.by": True, "x.crop": False}
    assert names({"x": CHOOSING}, x="deep") == {"x": True, "x.inner": True}
    assert names({"x": CHOOSING}, x="none") == names({"x": CHOOSING}, x="gone") == names({"x": CHOOSING}) == {"x": True}
    assert names({"x": CHOOSING}, x=Link("1", 0)) == {"x": True}


def test_others_stay_as_they_are_and_in_their_order() -> None:
    plain = read_inputs({"required": {"a": ("INT", {}), "b": ("IMAGE",)}})
    assert expanded(plain, {}) is plain
    assert list(names({"a": ("INT", {}), "x": NAMED, "b": ("IMAGE",)})) == ["a", "x.a", "x.b", "b"]


def test_one_is_found_by_its_whole_name() -> None:
    declared = read_inputs({"required": {"x": CHOOSING, "a": ("INT", {})}})
    found = find("x.crop", declared.get, {"x": "factor"})
    assert found is not None and found.type == "BOOLEAN"
    assert find("x.crop", declared.get, {"x": "none"}) is None
    assert find("a.b", declared.get, {}) is None
    assert find("gone.b", declared.get, {}) is None


@pytest.mark.parametrize("kind", ["COMFY_AUTOGROW_V3", "COMFY_DYNAMICCOMBO_V3"])
@pytest.mark.parametrize("options", [{}, {"template": 5, "options": 5}, {"template": {}, "options": [{}]}])
def test_one_that_is_not_declared_as_it_should_be_is_taken_as_it_is(kind: str, options: dict[str, Any]) -> None:
    declared = InputDefinition("x", kind, options, required=True)
    assert list(expanded({"x": declared}, {"x": "y"}).values()) == [declared]


def test_a_huge_template_does_not_make_a_huge_answer() -> None:
    template = {"input": {"required": {"i": ["IMAGE", {}]}}, "prefix": "i", "max": 10**12}
    assert len(names({"x": ("COMFY_AUTOGROW_V3", {"template": template})})) == 100


CLASSES = catalogue(
    Source={"input": {}, "output": ["IMAGE", "INT"]},
    Grow={"input": {"required": {"x": GROWING}}, "output": [], "output_node": True},
    Choose={"input": {"required": {"x": CHOOSING}}, "output": [], "output_node": True},
)


async def complaints(class_type: str, **inputs: Any) -> list[tuple[str, str]]:
    """The kind of each error, and the input that it is about."""
    try:
        await validated(graph(source=("Source", {}), out=(class_type, inputs)), CLASSES)
    except PromptRejected as rejected:
        errors = json.loads(rejected.node_errors_json)["out"]["errors"]
        return [(error["type"], error["extra_info"]["input_name"]) for error in errors]
    return []


async def test_a_prompt_is_held_to_what_the_inputs_stand_for() -> None:
    image = ["source", 0]
    assert await complaints("Grow", **{"x.i0": image, "x.i1": image, "x.i3": image}) == []
    assert await complaints("Grow", **{"x.i0": image, "x.i3": ["source", 1]}) == [
        ("required_input_missing", "x.i1"),
        ("return_type_mismatch", "x.i3"),
    ]
    assert await complaints("Choose", **{"x": "size", "x.width": 5, "x.crop": "yes"}) == []
    assert await complaints("Choose", **{"x": "size", "x.width": 0, "x.crop": "maybe"}) == [
        ("value_smaller_than_min", "x.width"),
        ("value_not_in_list", "x.crop"),
    ]
    assert await complaints("Choose", **{"x": "factor"}) == [("required_input_missing", "x.by")]
    assert await complaints("Choose", **{"x": "none"}) == []
    assert await complaints("Choose", **{"x": "gone"}) == [("value_not_in_list", "x")]
    assert await complaints("Choose") == [("required_input_missing", "x")]
