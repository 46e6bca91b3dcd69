"""Every difference that is listed is one from something that was recorded."""

from __future__ import annotations

import copy

import pytest

from tests import recorded_files, recorded_static
from tests.differences import DOCUMENTS, FILES, JOBS, SESSIONS, STATIC_FILES, SUBMISSIONS, UNCOUNTED, Difference
from tests.recorded_answers import recorded, recorded_outcome
from tests.recordings import SESSIONS as SESSION_NAMES
from tests.recordings import (
    Outcome,
    comparable,
    job_outcome,
    jobs,
    session,
    session_outcome,
    submission_outcome,
    submissions,
)

RECORDED_SUBMISSIONS = {case["label"]: comparable(submission_outcome(case)) for case in submissions()}
RECORDED_SESSIONS = {name: comparable(session_outcome(session(name))) for name in SESSION_NAMES}
RECORDED_JOBS = {case["label"]: job_outcome(case) for case in jobs()}
RECORDED_DOCUMENTS = {
    case["label"]: recorded_outcome(case)
    for name in ("userdata", "models", "pack_documents")
    for cases in recorded(name).values()
    for case in cases
}
RECORDED_FILES = {
    case["label"]: recorded_files.recorded_outcome(case)
    for case in (*recorded_files.VIEWS, *recorded_files.UPLOADS, *recorded_files.ORIGINS)
}
RECORDED_STATIC = {case["label"]: recorded_static.recorded_outcome(case) for case in recorded_static.CASES}
RECORDED = (
    RECORDED_SUBMISSIONS | RECORDED_SESSIONS | RECORDED_JOBS | RECORDED_DOCUMENTS | RECORDED_FILES | RECORDED_STATIC
)


@pytest.mark.parametrize(
    "difference",
    dict.fromkeys((*SUBMISSIONS, *SESSIONS, *JOBS, *DOCUMENTS, *FILES, *STATIC_FILES)),
    ids=lambda it: it.what,
)
def test_a_difference_changes_what_was_recorded(difference: Difference) -> None:
    if difference.where is None:
        assert any(is_changed(difference, outcome) for outcome in RECORDED.values())
    else:
        assert all(is_changed(difference, RECORDED[name]) for name in difference.where)


def is_changed(difference: Difference, outcome: Outcome) -> bool:
    changed = copy.deepcopy(outcome)
    difference.change(changed)
    return changed != outcome


def test_what_is_treated_apart_was_recorded() -> None:
    assert set(UNCOUNTED) <= RECORDED_SUBMISSIONS.keys()
