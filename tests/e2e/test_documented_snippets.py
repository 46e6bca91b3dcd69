"""The Python snippets that are published for the ComfyUI API, with nothing but host and port edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import EXAMPLE
from tests.e2e.stack import Stack

SNIPPETS = Path(__file__).resolve().parents[1] / "recorded" / "snippets"


@pytest.fixture(autouse=True)
def _workflow_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workflow_api.json").write_bytes(EXAMPLE.read_bytes())
    monkeypatch.chdir(tmp_path)


def run(name: str, stack: Stack, defined: dict[str, Any]) -> dict[str, Any]:
    """Execute a snippet with the addresses it names replaced by the stack's; returns the names it defined."""
    source = (SNIPPETS / name).read_text()
    for published in ("127.0.0.1:8188", "192.168.1.220:8188"):
        source = source.replace(published, stack.url.removeprefix("http://"))
    names = dict(defined)
    exec(compile(source, name, "exec", dont_inherit=True), names)
    return names


def test_the_queue_can_be_asked(stack: Stack) -> None:
    names = run("get_queue.py", stack, {})
    assert set(names["result"]) == {"queue_running", "queue_pending"}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the published text leaves its files to the collector
def test_a_prompt_can_be_queued_and_its_file_found(stack: Stack) -> None:
    names = run("get_queue.py", stack, {})
    names = run("queue_prompt.py", stack, names)
    assert json.loads(names["response"])["prompt_id"] == names["prompt_id"]
    stack.finished(names["prompt_id"])
    names = run("get_filename.py", stack, names)
    assert names["filename"].endswith(".png")
    assert (stack.data / "output" / names["filename"]).is_file()
