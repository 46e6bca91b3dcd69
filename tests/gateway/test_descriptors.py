"""The limit of open files, of a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource
from services.gateway.descriptors import allow_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
allow_descriptors({wanted})
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("wanted", "allowed"), [(100, 256), (400, 400), (1000, 512)])
def test_as_many_are_allowed_as_are_wanted_and_possible_and_never_fewer_than_before(wanted: int, allowed: int) -> None:
    script = [sys.executable, "-c", SCRIPT.format(wanted=wanted)]
    told = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert told == f"({allowed}, 512)\n"
