from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest

from services.graph.complaints import Complaint
from services.graph.errors import PromptRejected
from services.graph.model import Graph, parse_graph
from services.graph.validation import validate
from tests.differences import IN_ANSWERS, ours
from tests.graph.catalogues import recorded_catalogue
from tests.recordings import comparable, sent, submission_outcome, submissions

CATALOGUE = recorded_catalogue()
PROBE_ANSWERS = {
    3: Complaint("v", "v must not be 3"),
    4: Complaint("v", ""),
    5: Complaint(None, "validate exploded", "RuntimeError"),
}

#: Errors of what never gets to be validated.
AT_THE_DOOR = {"invalid_request", "already_exists"}


def expected_answer(case: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = ours(case["label"], comparable(submission_outcome(case)), IN_ANSWERS)["answer"]
    return answer


def is_validated(case: dict[str, Any]) -> bool:
    return isinstance(sent(case), dict) and expected_answer(case).get("error", {}).get("type") not in AT_THE_DOOR


CASES = [case for case in submissions() if is_validated(case)]


def as_the_classes_answered(graph: Graph) -> Any:
    async def ask(node_ids: Collection[str]) -> dict[str, list[Complaint]]:
        return {node_id: found for node_id in node_ids if (found := complaints(graph.nodes[node_id].inputs))}

    return ask


def complaints(inputs: Any) -> list[Complaint]:
    if "v" in inputs:
        return [PROBE_ANSWERS[inputs["v"]]] if inputs["v"] in PROBE_ANSWERS else []
    image = inputs["image"]
    return [] if "example.png" in image else [Complaint("image", f"Invalid image file: {image}")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["label"]))
async def test_a_recorded_submission_is_answered_as_comfyui_answers_it(case: dict[str, Any]) -> None:
    expected = expected_answer(case)
    targets = case.get("body", {}).get("partial_execution_targets")
    try:
        graph = parse_graph(json.dumps(sent(case)).encode())
        accepted = await validate(
            graph, CATALOGUE, [targets] if isinstance(targets, str) else targets, as_the_classes_answered(graph)
        )
    except PromptRejected as rejection:
        refusal = {"error": json.loads(rejection.error_json), "node_errors": json.loads(rejection.node_errors_json)}
        assert comparable(refusal) == expected
    else:
        assert comparable(json.loads(accepted.node_errors_json)) == expected["node_errors"]
        if "entry" in case:
            assert sorted(accepted.output_node_ids) == sorted(case["entry"]["prompt"][4])
