"""What was recorded about `/jobs`, asked again of the running stack while the same prompts run and wait."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import differences
from tests.e2e.stack import Stack, wait_for
from tests.recordings import Outcome, job_outcome, jobs

RECORDED = {case["label"]: case for case in jobs()}
EMPTY, INTERRUPTED = "jobs empty", "job interrupted"

#: By the names that the recording gives to their ids.
PROMPTS: dict[str, Any] = {
    "saving": {
        "prompt": RECORDED["job completed"]["body"]["workflow"]["prompt"],
        "extra_data": {"extra_pnginfo": {"workflow": {"id": "wf-1"}}},
        "client_id": "c8",
    },
    "failing": {"prompt": RECORDED["job failed"]["body"]["workflow"]["prompt"]},
    "sleeping": {"prompt": RECORDED[INTERRUPTED]["body"]["workflow"]["prompt"]},
    "waiting with a workflow": {
        "prompt": RECORDED["job completed"]["body"]["workflow"]["prompt"],
        "extra_data": {"extra_pnginfo": {"workflow": {"id": "wf-1"}}},
    },
    "waiting": {"prompt": RECORDED["job completed"]["body"]["workflow"]["prompt"]},
}


@pytest.fixture(scope="module")
def answers(stack: Stack) -> Iterator[dict[str, httpx.Response]]:
    """What we answer to every recorded request, by label."""
    with httpx.Client(base_url=stack.url, trust_env=False) as http:
        assert http.post("/history", json={"clear": True}).status_code == 200

        def answer(label: str) -> httpx.Response:
            return http.request(RECORDED[label]["method"], RECORDED[label]["path"])

        def reach(prompt_id: str, *statuses: str) -> None:
            wait_for(lambda: http.get(f"/jobs/{prompt_id}").json()["status"] in statuses, f"{prompt_id}: {statuses}")

        answered = {EMPTY: answer(EMPTY)}
        for name, body in PROMPTS.items():
            assert http.post("/prompt", json={**body, "prompt_id": name}).status_code == 200
            if name == "sleeping":
                reach(name, "in_progress")
            elif not name.startswith("waiting"):
                reach(name, "completed", "failed")
        answered |= {label: answer(label) for label in RECORDED if label not in answered and label != INTERRUPTED}
        http.post("/queue", json={"clear": True})
        http.post("/interrupt", json={"prompt_id": "sleeping"})
        reach("sleeping", "cancelled")
        answered[INTERRUPTED] = answer(INTERRUPTED)
        yield answered


@pytest.mark.parametrize("label", RECORDED)
def test_jobs_are_told_as_recorded(answers: dict[str, httpx.Response], label: str) -> None:
    expected = differences.ours(label, job_outcome(RECORDED[label]), differences.JOBS)
    answer = answers[label]
    outcome = {"status": answer.status_code, "body": _body(answer)}
    if label in ("job running", "job pending"):
        assert outcome["body"].pop("workflow")["prompt"] in [body["prompt"] for body in PROMPTS.values()]
        outcome["body"]["workflow"] = "shown"
    if label == "/jobs without prefix does not exist":
        assert outcome["body"] == _body(answers["GET /api/jobs"])
        outcome["body"] = "the same as with the prefix"
    if label == "GET /api/jobs?sort_by=execution_duration":  # which of the two that ran took longer is up to the host
        for told in (outcome, expected):
            told["body"]["jobs"][:2] = sorted(told["body"]["jobs"][:2], key=lambda job: str(job["id"]))
    assert _comparable(outcome, answers) == _comparable(expected, answers)


def _body(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text


def _comparable(outcome: Outcome, answers: dict[str, httpx.Response]) -> Any:
    """Without times, tracebacks and inputs, with numbers of prompts and files from the first one on."""
    first = answers["job completed"].json()["priority"]

    def of(value: Any, key: str = "") -> Any:
        match value:
            case dict():
                return {name: of(it, name) for name, it in value.items()}
            case list():
                return [] if key == "traceback" else [of(it) for it in value]
            case str():
                return re.sub(r"_\d{5}_\.png$", "_00001_.png", value)
            case int() if key.endswith("_time") or key == "timestamp":
                return value > 10**12
            case int() if key == "priority":
                return value - first if value >= first else value
        return value

    compared = of(outcome)
    if isinstance(compared["body"], dict):
        for job in compared["body"].get("jobs", [compared["body"]]):
            if "execution_error" in job:
                job["execution_error"]["current_inputs"] = {}
        for _, data in compared["body"].get("execution_status", {}).get("messages", ()):
            if "current_inputs" in data:
                data["current_inputs"] = {}
    return compared
