"""An interrupt ends its prompt wherever that is: where nodes hear it, at once; where they do not, with the worker."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image

from tests.e2e.stack import Stack, wait_for
from tests.e2e.test_bad_nodes import assert_next_prompt_works, good, graph
from tests.e2e.test_crashes import is_running


def interrupted(stack: Stack, prompt_id: str) -> dict[str, Any]:
    """What its history says of the end of a prompt, once it was interrupted."""
    assert stack.post("/interrupt", {"prompt_id": prompt_id}).status_code == 200
    entry = stack.finished(prompt_id)
    name, data = entry["status"]["messages"][-1]
    assert name == "execution_interrupted"
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize(
    ("class_type", "how"),
    [
        ("Misbehave", "report"),
        ("Misbehave", "await"),
        ("MisbehaveWhenAsked", "report in IS_CHANGED"),
        ("MisbehaveWhenAsked", "report in check_lazy_status"),
    ],
)
def test_a_node_that_hears_stops_and_the_worker_lives(fragile: Stack, class_type: str, how: str) -> None:
    assert_next_prompt_works(fragile)
    worker, lines = fragile.worker().pid, len(fragile.log)
    prompt_id = fragile.submit(graph(how, class_type))
    fragile.line(f"misbehaving: {how.partition(' in ')[0]} begins", after=lines)
    end = interrupted(fragile, prompt_id)
    assert (end["node_id"], end["node_type"]) == ("2", class_type)
    assert_next_prompt_works(fragile)
    assert fragile.worker().pid == worker


@pytest.mark.parametrize(
    ("class_type", "how"),
    [
        ("Misbehave", "sleep"),
        ("Misbehave", "swallow"),
        ("Misbehave", "match"),
        ("MisbehaveWhenAsked", "sleep in IS_CHANGED"),
    ],
)
def test_a_node_that_does_not_hear_loses_its_worker(fragile: Stack, class_type: str, how: str) -> None:
    assert_next_prompt_works(fragile)
    worker, lines = fragile.worker().pid, len(fragile.log)
    prompt_id = fragile.submit(graph(how, class_type))
    following = fragile.submit(good())
    fragile.line(f"misbehaving: {how.removesuffix(' in IS_CHANGED')} begins", after=lines)
    end = interrupted(fragile, prompt_id)
    assert end["node_id"] == ("2" if class_type == "Misbehave" else "")
    fragile.line("worker killed (its prompt did not stop when it was interrupted)", after=lines)
    assert fragile.finished(following)["status"]["status_str"] == "success"
    assert fragile.worker().pid != worker


def test_an_interrupt_that_comes_too_late_or_too_early_hits_nobody_else(fragile: Stack) -> None:
    assert_next_prompt_works(fragile)
    pairs = []
    for _ in range(20):
        meant, other = fragile.submit(good()), fragile.submit(good())
        assert fragile.post("/interrupt", {"prompt_id": meant}).status_code == 200
        pairs.append((meant, other))
    for meant, other in pairs:
        name, _ = fragile.finished(meant)["status"]["messages"][-1]
        assert name in ("execution_success", "execution_interrupted")
        assert fragile.finished(other)["status"]["status_str"] == "success"


def test_a_node_that_takes_longer_than_it_may_loses_its_worker(fragile: Stack) -> None:
    assert_next_prompt_works(fragile)
    worker = fragile.worker().pid
    prompt_id = fragile.submit(graph("sleep"), extra_data={"run_timeout": 1})
    name, data = fragile.finished(prompt_id)["status"]["messages"][-1]
    assert (name, data["exception_type"], data["node_id"]) == ("execution_error", "silverprint.TimedOut", "2")
    assert_next_prompt_works(fragile)
    assert fragile.worker().pid != worker


@contextmanager
def silent_files(stack: Stack) -> Iterator[None]:
    """A file service that takes what it is sent and answers nothing."""
    process = stack.child("files")
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_a_node_that_waits_for_the_file_service_stops_and_the_worker_lives(fragile: Stack) -> None:
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "PNG")
    fragile.client.post("/upload/image", files={"image": ("mine.png", content.getvalue())}).raise_for_status()
    loading = good() | {"1": {"class_type": "LoadImage", "inputs": {"image": "mine.png"}}}
    worker = fragile.worker().pid
    before, prompt_id = fragile.submit(graph("report")), fragile.submit(loading)
    wait_for(lambda: is_running(fragile, before), "the start of the first prompt")
    with silent_files(fragile):
        interrupted(fragile, before)
        wait_for(lambda: is_running(fragile, prompt_id), "the start of the second prompt")
        interrupted(fragile, prompt_id)
    assert_next_prompt_works(fragile)
    assert fragile.worker().pid == worker


def test_a_class_that_exits_while_its_inputs_are_checked_is_a_complaint(fragile: Stack) -> None:
    answer = fragile.post("/prompt", {"prompt": graph("exit in VALIDATE_INPUTS", "MisbehaveWhenAsked")})
    assert answer.status_code == 400
    (error,) = answer.json()["node_errors"]["2"]["errors"]
    assert "the node called sys.exit(3)" in error["details"]
    assert_next_prompt_works(fragile)


def test_a_class_that_ends_its_worker_while_its_inputs_are_checked_holds_nobody_up(fragile: Stack) -> None:
    assert_next_prompt_works(fragile)
    worker, lines = fragile.worker().pid, len(fragile.log)
    prompt_id = fragile.submit(graph("die in VALIDATE_INPUTS", "MisbehaveWhenAsked"))
    fragile.line("worker ended with exit code 3", after=lines)
    assert fragile.finished(prompt_id)["status"]["status_str"] == "success"
    assert fragile.worker().pid != worker
