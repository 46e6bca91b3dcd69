"""Every recorded `POST /prompt`, in the order in which they were recorded, against the running stack."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.differences import SUBMISSIONS, UNCOUNTED, ours
from tests.e2e.stack import PATIENCE, Stack, wait_for
from tests.recordings import Outcome, body_of, comparable, sent, submission_outcome, submissions, written

CASES = submissions()


@pytest.fixture(scope="session")
def outcomes(stack: Stack) -> dict[str, Outcome]:
    """What came of each submission; what is in the cache depends on those before."""
    with httpx.Client(base_url=stack.url, timeout=PATIENCE, trust_env=False) as client:
        return {case["label"]: outcome_of(client, case) for case in CASES}


def outcome_of(client: httpx.Client, case: dict[str, Any]) -> Outcome:
    content_type = case.get("content_type", "application/json")
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.post(case.get("path", "/prompt"), content=body_of(case), headers=headers)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    found = {"status": answer.status_code, "answer": answer.json(), "entry": None, "sent": sent(case)}
    if answer.status_code == 200:
        prompt_id = found["answer"]["prompt_id"]
        entry = wait_for(lambda: client.get("/history").json().get(prompt_id), f"the end of {case['label']}")
        found["entry"] = entry if "entry" in case else None
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["label"]))
def test_a_submission_is_answered_and_run_as_recorded(case: dict[str, Any], outcomes: dict[str, Outcome]) -> None:
    expected = ours(case["label"], comparable(submission_outcome(case)), SUBMISSIONS)
    outcome = comparable(outcomes[case["label"]])
    assert outcome == expected
    assert written(outcome) == written(expected)


def test_numbers_are_counted_as_recorded(outcomes: dict[str, Outcome]) -> None:
    recorded = {case["label"]: submission_outcome(case) for case in CASES}
    counted, expected = counted_numbers(outcomes), counted_numbers(recorded)
    assert len(counted) > 40
    first = next(iter(counted))
    for label, number in counted.items():
        if label in expected:
            skipped = sum(case["label"] in UNCOUNTED for case in CASES[: index_of(label)])
            assert number - counted[first] == expected[label] - expected[first] - skipped, label


def counted_numbers(outcomes: dict[str, Outcome]) -> dict[str, int]:
    """How far the counter was at each submission that got a number from it."""
    answers = {label: it["answer"] for label, it in outcomes.items() if it["status"] == 200}
    return {label: abs(it["number"]) for label, it in answers.items() if isinstance(it["number"], int)}


def index_of(label: str) -> int:
    return [case["label"] for case in CASES].index(label)
