"""What is freed and used again, in a process that passes files on."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

MESSAGES = 200
MESSAGE_BYTES = 1 << 20

SCRIPT = """
import resource, sys
from services.command.allocation import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = pages()
for _ in range(int(sys.argv[2])):
    message = b"x" * int(sys.argv[3])
    copy = message + b"y"
    del message, copy
print(pages() - before)
"""


def pages_taken(way: str) -> int:
    """Pages that the system gave to a process while it made messages and let them go."""
    command = [sys.executable, "-c", SCRIPT, way, str(MESSAGES), str(MESSAGE_BYTES)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_the_memory_of_a_message_serves_for_the_next_one() -> None:
    kept, usual = pages_taken("kept"), pages_taken("usual")
    assert kept < 10 * MESSAGE_BYTES // 4096
    assert usual > 3 * kept
