"""How the tree is kept readable."""

from __future__ import annotations

import queue
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400
OUR_FOLDERS = ("services", "custom_nodes", "tests", "tools", "bench", "protos")
SOURCES = sorted(
    path
    for folder in OUR_FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if not path.stem.endswith(("_pb2", "_pb2_grpc"))
)


def test_a_file_can_be_held_in_the_head() -> None:
    assert not [name(path) for path in SOURCES if len(path.read_text().splitlines()) > LONGEST]


def test_no_module_is_a_catch_all() -> None:
    catch_all = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [name(path) for path in SOURCES if path.stem in catch_all]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_standard_librarys_queue_is_not_shadowed() -> None:
    assert queue.__file__ is not None
    assert not Path(queue.__file__).is_relative_to(ROOT)
    assert (ROOT / "tests" / "__init__.py").exists(), "without it pytest puts tests/queue on top of queue"


@pytest.mark.parametrize("service", ["queue", "files", "gateway", "executor"])
def test_a_service_starts_without_torch(service: str) -> None:
    """The executor's agent included: only its worker process owns torch."""
    code = f"import sys, services.{service}.service; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=30)
