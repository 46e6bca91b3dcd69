"""Classes asked about their own inputs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pytest

from services.executor.engine.context import NodeFiles, RunContext, current_context
from services.executor.input_checks import check_inputs
from services.graph.complaints import Complaint
from services.graph.model import parse_graph


class _Node:
    RETURN_TYPES = ("IMAGE", "MASK")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"a": ("INT",), "b": ("FLOAT",)}, "optional": {"image": ("IMAGE",)}}


class Source(_Node):
    pass


class Single(_Node):
    @classmethod
    def VALIDATE_INPUTS(cls, a: int) -> bool | str:
        return a == 1 or f"{a!r} is not 1"


class Plain(_Node):
    @classmethod
    def VALIDATE_INPUTS(cls, a: int, b: float) -> bool:
        return False


class Everything(_Node):
    @classmethod
    def VALIDATE_INPUTS(cls, **kwargs: Any) -> str:
        return json.dumps(kwargs)


class Types(_Node):
    @classmethod
    def VALIDATE_INPUTS(cls, input_types: dict[str, str]) -> str:
        return json.dumps(input_types)


class Async(_Node):
    @classmethod
    async def VALIDATE_INPUTS(cls, a: int) -> str:
        await asyncio.sleep(0)
        return "late"


class Raising(_Node):
    @classmethod
    def VALIDATE_INPUTS(cls, a: int) -> bool:
        raise KeyError("oh")


class Looking(_Node):
    @classmethod
    def VALIDATE_INPUTS(cls, a: int) -> str:
        return current_context().node.node_id


CLASSES: dict[str, type] = {
    cls.__name__: cls for cls in (Source, Single, Plain, Everything, Types, Async, Raising, Looking)
}


class NoFiles:
    def fetch(self, name: object) -> Path:
        raise NotImplementedError


def complaints(class_type: str, **inputs: Any) -> list[Complaint]:
    graph = {
        "1": {"class_type": class_type, "inputs": inputs},
        "2": {"class_type": "Source", "inputs": {}},
    }
    context = RunContext(prompt_id="", files=cast(NodeFiles, NoFiles()))
    return check_inputs(parse_graph(json.dumps(graph).encode()), ["1"], CLASSES, context).get("1", [])


def test_a_class_gets_constants_as_their_declared_types() -> None:
    assert complaints("Single", a="1", b=0) == []
    assert complaints("Single", a="3", b=0) == [Complaint("a", "3 is not 1")]
    assert complaints("Single", a={"__value__": 1}) == []


def test_no_more_than_no_is_a_complaint_about_each_input_that_was_asked_for() -> None:
    assert complaints("Plain", a=1, b=2, image=["2", 0]) == [Complaint("a", ""), Complaint("b", "")]


def test_a_class_that_takes_everything_gets_what_is_declared_and_none_for_links() -> None:
    found = complaints("Everything", a="5", b=["2", 0], undeclared=7)
    assert json.loads(found[0].message) == {"a": 5, "b": None}
    assert [complaint.input for complaint in found] == ["a", "b"]


def test_a_class_may_ask_for_the_types_of_what_is_linked() -> None:
    found = complaints("Types", a=1, image=["2", 1], undeclared=["2", 0])
    assert json.loads(found[0].message) == {"image": "MASK", "undeclared": "IMAGE"}


def test_a_class_may_answer_later() -> None:
    assert complaints("Async", a=1) == [Complaint("a", "late")]


@pytest.mark.parametrize(("inputs", "kind"), [({"a": 1}, "KeyError"), ({}, "TypeError"), ({"a": "x"}, "ValueError")])
def test_a_class_that_raises_has_complained(inputs: dict[str, Any], kind: str) -> None:
    (found,) = complaints("Raising", **inputs)
    assert (found.input, found.exception_type) == (None, kind)


def test_a_class_may_look_around_as_when_it_runs() -> None:
    assert complaints("Looking", a=1) == [Complaint("a", "1")]


def test_classes_without_checks_and_nodes_that_are_not_there_say_nothing() -> None:
    assert complaints("Source", a=1) == []
    graph = parse_graph(b'{"1": {"class_type": "Single", "inputs": {}}}')
    context = RunContext(prompt_id="", files=cast(NodeFiles, NoFiles()))
    assert check_inputs(graph, ["5"], CLASSES, context) == {}
