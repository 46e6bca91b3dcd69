from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest

from services.graph.complaints import Complaint
from services.graph.errors import PromptRejected
from services.graph.model import Graph, parse_graph
from services.graph.validation import validate
from tests.graph.catalogues import RECORDED, recorded_catalogue
from tests.graph.differences import DEPENDENTS, DIFFERENCES, comparable

CASES = json.loads((RECORDED / "prompt_validation.json").read_text())["items"]
CATALOGUE = recorded_catalogue()
PROBE_ANSWERS = {
    3: Complaint("v", "v must not be 3"),
    4: Complaint("v", ""),
    5: Complaint(None, "validate exploded", "RuntimeError"),
}


def by_label(case: dict[str, Any]) -> str:
    return str(case["label"])


def as_the_classes_answered(graph: Graph) -> Any:
    async def ask(node_ids: Collection[str]) -> dict[str, list[Complaint]]:
        return {node_id: found for node_id in node_ids if (found := complaints(graph.nodes[node_id].inputs))}

    return ask


def complaints(inputs: Any) -> list[Complaint]:
    if "v" in inputs:
        return [PROBE_ANSWERS[inputs["v"]]] if inputs["v"] in PROBE_ANSWERS else []
    image = inputs["image"]
    return [] if "example.png" in image else [Complaint("image", f"Invalid image file: {image}")]


async def answer(case: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any], list[str]]:
    """The error of the prompt, those of its nodes, and the outputs that would run."""
    try:
        graph = parse_graph(json.dumps(case["prompt"]).encode())
        accepted = await validate(graph, CATALOGUE, case.get("targets"), as_the_classes_answered(graph))
    except PromptRejected as rejection:
        return json.loads(rejection.error_json), json.loads(rejection.node_errors_json), []
    return None, json.loads(accepted.node_errors_json), list(accepted.output_node_ids)


@pytest.mark.parametrize("case", [case for case in CASES if case["label"] not in DIFFERENCES], ids=by_label)
async def test_a_recorded_submission_is_answered_as_comfyui_answers_it(case: dict[str, Any]) -> None:
    error, node_errors, outputs = await answer(case)

    expected = case.get("error")
    assert (error is None) == (case["status"] == 200)
    if error and expected:
        assert sorted(error.pop("details").split("\n")) == sorted(expected.pop("details").split("\n"))
        assert error == expected
    assert node_errors.keys() == case["node_errors"].keys()
    for node_id, found in node_errors.items():
        recorded = case["node_errors"][node_id]
        assert sorted(map(comparable, found["errors"])) == sorted(map(comparable, recorded["errors"]))
        assert found["class_type"] == recorded["class_type"]
        dependents = DEPENDENTS.get(case["label"], {}).get(node_id, recorded["dependent_outputs"])
        assert found["dependent_outputs"] == dependents
    if "outputs" in case:
        assert outputs == case["outputs"]


@pytest.mark.parametrize("case", [case for case in CASES if case["label"] in DIFFERENCES], ids=by_label)
async def test_a_deliberate_difference_is_what_it_is_said_to_be(case: dict[str, Any]) -> None:
    difference = DIFFERENCES[case["label"]]

    error, node_errors, _ = await answer(case)

    assert (error["type"] if error else None) == difference.error
    types = {node_id: [error["type"] for error in found["errors"]] for node_id, found in node_errors.items()}
    assert types == difference.node_errors


def test_every_difference_was_recorded() -> None:
    assert {case["label"] for case in CASES} >= DIFFERENCES.keys() | DEPENDENTS.keys()
