"""Whatever the document of the API allows, and some that it does not, gets an answer that it knows.

`make fuzz` asks at random for ten minutes; this asks the values at the edges of what is allowed, always the same.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.stack import running
from tools.fuzz import command, prepare


@pytest.mark.timeout(300)  # a thousand requests, each soon answered on a machine that has nothing else to do
def test_no_request_gets_an_answer_that_is_not_documented(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        prepare(stack.url)
        flags = ["--phases", "examples,coverage", "--generation-deterministic"]
        asked = subprocess.run(command(stack.url, *flags), cwd=tmp_path, capture_output=True, text=True)
    assert asked.returncode == 0, asked.stdout
