from __future__ import annotations

import json
from typing import Any

import pytest

from services.executor.catalogue import definitions_json
from services.executor.own_types import own_types, type_names
from services.graph.definitions import Catalogue
from services.graph.errors import PromptRejected
from tests.graph.catalogues import graph, validated


class Smart(str):
    """Fits IMAGE and FLOAT, whatever its name is."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return other in ("IMAGE", "FLOAT")

    def __ne__(self, other: object) -> bool:
        return not self == other


class Anything(str):
    """Fits all."""

    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return False


class Usual(str):
    """Decides as its name does."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return str(self) == other

    def __ne__(self, other: object) -> bool:
        return str(self) != other


def node(takes: Any, gives: Any) -> Any:
    declared = {"required": {"x": (takes,)} if takes else {}}
    members = {"INPUT_TYPES": classmethod(lambda cls: declared), "RETURN_TYPES": (gives,), "OUTPUT_NODE": True}
    return type("Node", (), members)


CLASSES = {
    "Picky": node(Smart("SMART"), "STRING"),
    "Lax": node(Anything("WHATEVER"), "STRING"),
    "Plain": node("INT", "INT"),
    "Image": node(None, "IMAGE"),
    "Choice": node(["a", "b"], ["a", "b"]),
    "Fitting": node(None, Smart("SMART")),
    "Number": node("FLOAT", "FLOAT"),
}


def test_a_type_that_decides_itself_is_told_as_what_it_fits() -> None:
    names = type_names(CLASSES.values())

    assert names == ["COMBO", "FLOAT", "IMAGE", "INT", "SMART", "STRING", "WHATEVER"]
    assert own_types(CLASSES["Picky"], names) == {"inputs": {"x": ["FLOAT", "IMAGE", "SMART"]}}
    assert own_types(CLASSES["Lax"], names) == {"inputs": {"x": names}}
    assert own_types(CLASSES["Fitting"], names) == {"outputs": {"0": ["FLOAT", "IMAGE", "SMART"]}}


@pytest.mark.parametrize("kind", ["INT", Usual("INT"), ["a"]])
def test_a_type_that_decides_as_its_name_does_is_not_told(kind: Any) -> None:
    assert own_types(node(kind, kind), ["INT", "FLOAT"]) == {}


def test_a_class_that_cannot_say_its_types_is_passed_over() -> None:
    def broken(cls: type) -> Any:
        raise OSError

    assert type_names([type("Broken", (), {"INPUT_TYPES": classmethod(broken)}), CLASSES["Image"]]) == [
        "COMBO",
        "IMAGE",
    ]


@pytest.mark.parametrize(
    ("giver", "taker", "fits"),
    [
        ("Image", "Picky", True),
        ("Number", "Picky", True),
        ("Plain", "Picky", False),
        ("Choice", "Picky", False),
        ("Plain", "Lax", True),
        ("Choice", "Lax", True),
        ("Fitting", "Number", True),
        ("Fitting", "Plain", False),
        ("Image", "Plain", False),
    ],
)
async def test_the_queue_holds_links_to_what_the_types_decided(giver: str, taker: str, fits: bool) -> None:
    catalogue = Catalogue.from_json(definitions_json(CLASSES, {}))
    given = {"x": {"Plain": 1, "Number": 1.0, "Choice": "a"}[giver]} if giver in ("Plain", "Number", "Choice") else {}
    submitted = graph(a=(giver, given), b=(taker, {"x": ["a", 0]}))

    if fits:
        assert (await validated(submitted, catalogue, ["b"])).output_node_ids == ("b",)
        return
    with pytest.raises(PromptRejected) as raised:
        await validated(submitted, catalogue, ["b"])
    errors = json.loads(raised.value.node_errors_json)["b"]["errors"]
    assert [error["type"] for error in errors] == ["return_type_mismatch"]
