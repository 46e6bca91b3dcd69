from __future__ import annotations

import pytest

from services.errors import InvalidArgument
from services.graph.definitions import Catalogue
from tests.graph.catalogues import catalogue


def test_inputs_are_in_the_order_of_declaration_required_ones_first() -> None:
    entry = {
        "input": {"optional": {"o": ["IMAGE"]}, "required": {"b": ["INT", {"min": 1}], "a": [["x", "y"]]}},
        "output": ["IMAGE"],
    }

    definition = catalogue(Node=entry)["Node"]

    assert [(item.name, item.type, item.required) for item in definition.inputs.values()] == [
        ("b", "INT", True),
        ("a", ["x", "y"], True),
        ("o", "IMAGE", False),
    ]
    assert definition.inputs["b"].config == ["INT", {"min": 1}]
    assert definition.inputs["o"].config == ["IMAGE", {}]


def test_choices_are_found_in_both_ways_of_writing_them() -> None:
    declared = {
        "old": [["x", "y"]],
        "new": ["COMBO", {"options": ["p", "q"]}],
        "remote": ["COMBO", {"remote": {"route": "/x"}}],
        "none": ["STRING", {"options": ["p"]}],
    }

    inputs = catalogue(Node={"input": {"required": declared}})["Node"].inputs

    assert {name: item.choices for name, item in inputs.items()} == {
        "old": ["x", "y"],
        "new": ["p", "q"],
        "remote": None,
        "none": None,
    }


def test_a_class_that_checks_nothing_need_not_be_asked() -> None:
    known = catalogue(
        Silent={"input": {}},
        Named={"input": {}, "validation": {"arguments": ["v"], "any": False}},
        Greedy={"input": {}, "validation": {"arguments": [], "any": True}},
        Empty={"input": {}, "validation": {"arguments": [], "any": False}},
    )

    assert [name for name in ("Silent", "Named", "Greedy", "Empty") if known[name].checks_itself] == ["Named", "Greedy"]
    assert known["Named"].own_checks.covers("v")
    assert not known["Named"].own_checks.covers("w")
    assert known["Greedy"].own_checks.covers("w")


def test_limits_may_be_infinite() -> None:
    known = Catalogue.from_json(b'{"Node": {"input": {"required": {"f": ["FLOAT", {"max": Infinity}]}}}}')

    assert known["Node"].inputs["f"].options["max"] == float("inf")


@pytest.mark.parametrize(
    ("definitions", "named"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"Broken": 5}', "Broken"),
        (b'{"Broken": {"input": {"required": [1]}}}', "Broken"),
        (b'{"Broken": {"validation": {"any": true}}}', "Broken"),
    ],
)
def test_a_catalogue_that_cannot_be_read_is_refused_by_name(definitions: bytes, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        Catalogue.from_json(definitions)


def test_a_required_input_that_came_later_may_be_missing() -> None:
    declared = {"required": {"image": ["IMAGE"], "crop": [["center", "none"]]}}
    checks = {"arguments": [], "any": False, "absent": ["crop"]}

    definition = catalogue(Encode={"input": declared, "validation": checks})["Encode"]

    assert {name: item.required for name, item in definition.inputs.items()} == {"image": True, "crop": False}
    assert not definition.checks_itself
