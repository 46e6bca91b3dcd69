"""What ComfyUI was recorded to answer to requests for the files of its web UI: status, type and caching."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.recordings import RECORDED, Outcome

CASES: list[dict[str, Any]] = json.loads((RECORDED / "static_files.json").read_bytes())


def recorded_outcome(case: dict[str, Any]) -> Outcome:
    """What ComfyUI answered."""
    answer: Outcome = case["answer"]
    return answer


def outcome(answer: httpx.Response) -> Outcome:
    """What we answered."""
    return {
        "status": answer.status_code,
        "content type": answer.headers.get("content-type"),
        "caching": answer.headers.get("cache-control"),
    }
