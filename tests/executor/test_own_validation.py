"""Classes with VALIDATE_INPUTS, from their definition to the answer that a client gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from services.executor.catalogue import definitions_json
from services.executor.input_checks import check_inputs
from services.graph.complaints import Complaint
from services.graph.definitions import Catalogue
from services.graph.errors import PromptRejected
from services.graph.validation import validate
from tests.executor.engine.bench import run_context
from tests.graph.catalogues import graph


def giver(*types: str) -> type:
    """A node that gives one of each."""
    return type("Giver", (), {"INPUT_TYPES": classmethod(lambda cls: {}), "RETURN_TYPES": types})


def checking(declared: tuple[Any, ...], check: Any = None) -> type:
    """An output with one input `x`, and what its class says about it."""
    members: dict[str, Any] = {
        "INPUT_TYPES": classmethod(lambda cls: {"required": {"x": declared}}),
        "RETURN_TYPES": (),
        "OUTPUT_NODE": True,
    }
    return type("Checking", (), members | ({"VALIDATE_INPUTS": classmethod(check)} if check else {}))


def only_floats(cls: type, x: Any) -> Any:
    return x is None or isinstance(x, float) or f"{x!r} is no float"


def only_float_links(cls: type, input_types: Mapping[str, str]) -> Any:
    return input_types.get("x") in (None, "FLOAT") or "only FLOAT"


def up_to_six(cls: type, **inputs: Any) -> Any:
    return inputs["x"] <= 6.0 or "too big"


async def later(cls: type, x: Any) -> Any:
    await asyncio.sleep(0)
    return x != 3 or "not three"


async def errors_of(out: type, x: Any) -> list[str] | None:
    """The types of the errors of an output with this input; None when the prompt is accepted."""
    classes = {"Out": out, "Int": giver("INT"), "Float": giver("FLOAT"), "Mask": giver("MASK"), "Image": giver("IMAGE")}
    source: Any = (x, {}) if x in classes else ("Int", {})
    submitted = graph(a=source, out=("Out", {"x": ["a", 0] if x in classes else x}))

    async def ask(node_ids: Collection[str]) -> dict[str, list[Complaint]]:
        return await asyncio.to_thread(check_inputs, submitted, node_ids, classes, run_context())

    try:
        await validate(submitted, Catalogue.from_json(definitions_json(classes, {})), None, ask)
    except PromptRejected as rejection:
        return [error["type"] for error in json.loads(rejection.node_errors_json)["out"]["errors"]]
    return None


@pytest.mark.parametrize(("x", "wrong"), [(5, True), ("foo", True), (5.0, False)])
async def test_a_class_gets_the_constant_of_an_input_of_several_types_as_it_was_sent(x: Any, wrong: bool) -> None:
    assert await errors_of(checking(("IMAGE,FLOAT",), only_floats), x) == (
        ["custom_validation_failed"] if wrong else None
    )


@pytest.mark.parametrize(("x", "wrong"), [("Int", True), ("Mask", True), ("Image", False), ("Float", False)])
async def test_a_link_must_be_of_one_of_several_types(x: str, wrong: bool) -> None:
    assert await errors_of(checking(("IMAGE,FLOAT",), only_floats), x) == (["return_type_mismatch"] if wrong else None)


@pytest.mark.parametrize(("x", "wrong"), [("Int", True), ("Float", False)])
async def test_a_class_that_takes_the_types_replaces_the_check_of_types(x: str, wrong: bool) -> None:
    assert await errors_of(checking(("IMAGE",), only_float_links), x) == (
        ["custom_validation_failed"] if wrong else None
    )


@pytest.mark.parametrize(("x", "wrong"), [("Int", True), ("Float", False)])
async def test_a_number_that_is_linked_is_not_converted(x: str, wrong: bool) -> None:
    assert await errors_of(checking(("FLOAT",), only_floats), x) == (["return_type_mismatch"] if wrong else None)


@pytest.mark.parametrize(("x", "wrong"), [(0.5, False), (5.0, False), (7.0, True)])
async def test_a_class_that_takes_everything_switches_limits_off(x: float, wrong: bool) -> None:
    errors = await errors_of(checking(("FLOAT", {"min": 0.0, "max": 1.0}), up_to_six), x)

    assert errors == (["custom_validation_failed"] if wrong else None)


@pytest.mark.parametrize(("x", "wrong"), [(3, True), (4, False)])
async def test_a_class_may_check_in_a_coroutine(x: int, wrong: bool) -> None:
    assert await errors_of(checking(("INT",), later), x) == (["custom_validation_failed"] if wrong else None)
