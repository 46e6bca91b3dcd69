"""What `/jobs` tells."""

from __future__ import annotations

from typing import Any

from tests.differences.difference import Difference, everywhere
from tests.differences.in_nodes import told_of_a_failure
from tests.recordings import Outcome


def _count_of_what_can_be_shown(entry: dict[str, Any]) -> None:
    if "outputs_count" in entry:
        entry["previewable_outputs_count"] = entry["outputs_count"]


def _no_time_of_creation(entry: dict[str, Any]) -> None:
    if "extra_data" in entry:
        entry["extra_data"].pop("create_time", None)


def _a_status_more(outcome: Outcome) -> None:
    outcome["body"]["error"] += ", cancelled"


def _cancelled(outcome: Outcome) -> None:
    outcome["body"]["status"] = "cancelled"


def _its_workflow(outcome: Outcome) -> None:
    outcome["body"]["workflow"] = "shown"


def _like_every_path(outcome: Outcome) -> None:
    outcome |= {"status": 200, "body": "the same as with the prefix"}


def _no_path(outcome: Outcome) -> None:
    outcome |= {"status": 404, "body": None}


IN_JOBS = (
    Difference(
        "jobs say how many of their outputs can be shown",
        "later versions of ComfyUI do, and their web UI asks for it",
        everywhere(_count_of_what_can_be_shown),
    ),
    Difference(
        "current_outputs are the nodes that ran",
        "ComfyUI lists all nodes of the workflow",
        everywhere(told_of_a_failure),
    ),
    Difference(
        "extra_data is what the client sent",
        "ComfyUI adds when it came, which jobs say of themselves anyway",
        everywhere(_no_time_of_creation),
    ),
    Difference(
        "jobs can be cancelled",
        "later versions of ComfyUI know this status, and their web UI asks for it",
        _a_status_more,
        ("GET /api/jobs?status=bogus", "GET /api/jobs?status=completed,bogus"),
    ),
    Difference(
        "an interrupted job was cancelled",
        "nothing about it failed, and later versions of ComfyUI say so, too",
        _cancelled,
        ("job interrupted",),
    ),
    Difference(
        "the workflow of a job is there from the beginning",
        "whoever looks at a job that waits wants to see what it will do",
        _its_workflow,
        ("job running", "job pending"),
    ),
    Difference(
        "/jobs is there without the prefix, too",
        "it is so with every other path",
        _like_every_path,
        ("/jobs without prefix does not exist",),
    ),
    Difference(
        "the prefix is there once", "/api/api/jobs is an accident", _no_path, ("/api/api/jobs exists by accident",)
    ),
)
