"""Where we do otherwise than ComfyUI on purpose: what, where and why. There is no other list of it.

A difference turns what ComfyUI was recorded to say, made comparable (see `tests.recordings`), into what we say. The
replay tests of all levels compare with that, so a difference that is none any more fails, and so does one that nobody
listed.
"""

from __future__ import annotations

from tests.differences.difference import Difference, ours
from tests.differences.in_answers import IN_ANSWERS, UNCOUNTED
from tests.differences.in_documents import IN_DOCUMENTS
from tests.differences.in_files import IN_FILES
from tests.differences.in_history import IN_HISTORY
from tests.differences.in_jobs import IN_JOBS
from tests.differences.in_nodes import IN_NODES, told_of_a_failure
from tests.differences.in_sessions import IN_SESSIONS
from tests.differences.in_static_files import IN_STATIC_FILES

#: Of `tests.recordings.submissions()`.
SUBMISSIONS = (*IN_ANSWERS, *IN_NODES, *IN_HISTORY)

#: Of `tests.recordings.session()`.
SESSIONS = (*IN_NODES, *IN_HISTORY, *IN_SESSIONS)

#: Of `tests.recordings.jobs()`.
JOBS = IN_JOBS

#: Of `tests.recorded_answers.recorded()`.
DOCUMENTS = IN_DOCUMENTS

#: Of `tests.recorded_files`.
FILES = IN_FILES

#: Of `tests.recorded_static`.
STATIC_FILES = IN_STATIC_FILES

__all__ = [
    "DOCUMENTS",
    "FILES",
    "IN_ANSWERS",
    "JOBS",
    "SESSIONS",
    "STATIC_FILES",
    "SUBMISSIONS",
    "UNCOUNTED",
    "Difference",
    "ours",
    "told_of_a_failure",
]
