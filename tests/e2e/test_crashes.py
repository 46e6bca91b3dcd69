"""What is accepted is not lost, whatever dies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Stack, running, wait_for
from tests.e2e.test_picture import run_and_listen


def prompt(*between: dict[str, Any]) -> dict[str, Any]:
    """A picture that goes through the given nodes before it is shown."""
    graph: dict[str, Any] = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 1}},
        "9": {"class_type": "PreviewImage", "inputs": {"images": [str(1 + len(between)), 0]}},
    }
    for number, node in enumerate(between, start=2):
        graph[str(number)] = node | {"inputs": {"image": [str(number - 1), 0], **node.get("inputs", {})}}
    return graph


def sleeping(seconds: float) -> dict[str, Any]:
    """A node that takes its time and reports progress."""
    return {"class_type": "TestSleep", "inputs": {"steps": int(seconds * 20), "seconds": 0.05}}


def is_running(stack: Stack, prompt_id: str) -> bool:
    return [item[1] for item in stack.get("/queue")["queue_running"]] == [prompt_id]


@pytest.mark.timeout(120)
def test_a_worker_killed_in_mid_run_is_replaced_and_the_prompt_runs_again(stack: Stack) -> None:
    prompt_id = stack.submit(prompt(sleeping(2)))
    wait_for(lambda: is_running(stack, prompt_id), "the start of the prompt")
    killed = stack.worker()
    killed.kill()
    entry = stack.finished(prompt_id)
    assert entry["status"]["status_str"] == "success"
    assert entry["outputs"]["9"]["images"]
    assert stack.worker().pid != killed.pid


@pytest.mark.timeout(120)
def test_a_prompt_that_kills_its_worker_is_given_up_and_the_next_one_runs(stack: Stack) -> None:
    poison, frames = run_and_listen(stack, prompt({"class_type": "TestCrash"}))
    good = stack.submit(prompt())
    entry = stack.finished(poison)
    assert entry["status"]["status_str"] == "error"
    name, data = entry["status"]["messages"][-1]
    assert (name, data["node_id"], data["node_type"]) == ("execution_error", "2", "TestCrash")
    message = data["exception_message"]
    assert message.startswith("the prompt ended its worker 3 times and is given up after 3 attempts (attempt 1 on ")
    how = "worker killed by signal 9 (as the system does when memory runs out) while node 2 (TestCrash) ran"
    assert message.count(how) == 3
    errors = [frame["data"] for frame in frames if isinstance(frame, dict) and frame["type"] == "execution_error"]
    assert [(told["node_id"], told["exception_message"]) for told in errors] == [("2", message)]
    assert stack.finished(good)["status"]["status_str"] == "success"


@pytest.mark.timeout(120)
def test_prompts_outlive_the_whole_stack(tmp_path: Path) -> None:
    with running(tmp_path, lease_seconds="3") as stack:
        begun = stack.submit(prompt(sleeping(2)))
        wait_for(lambda: is_running(stack, begun), "the start of the prompt")
        waiting = [stack.submit(prompt(sleeping(0.1 * n))) for n in range(1, 4)]
        stack.process.kill()
        stack.process.wait()
    with running(tmp_path, lease_seconds="3") as stack:
        for prompt_id in (begun, *waiting):
            assert stack.finished(prompt_id)["status"]["status_str"] == "success"


def test_an_interrupt_ends_the_prompt_it_names_and_only_that_one(stack: Stack) -> None:
    begun = stack.submit(prompt(sleeping(30)))
    wait_for(lambda: is_running(stack, begun), "the start of the prompt")
    following = stack.submit(prompt())
    assert stack.post("/interrupt", {"prompt_id": following}).status_code == 200
    assert is_running(stack, begun)
    assert stack.post("/interrupt", {"prompt_id": begun}).status_code == 200
    assert stack.finished(begun)["status"]["messages"][-1][0] == "execution_interrupted"
    assert stack.finished(following)["status"]["status_str"] == "success"


def test_sampling_stops_between_steps(stack: Stack, example: dict[str, Any]) -> None:
    example["3"]["inputs"] |= {"steps": 10_000, "seed": 3}
    begun = stack.submit(example)
    wait_for(lambda: is_running(stack, begun), "the start of the prompt")
    stack.post("/interrupt", {"prompt_id": begun})
    assert stack.finished(begun)["status"]["messages"][-1][0] == "execution_interrupted"


@pytest.mark.parametrize("kind", ["TestError", "TestExit"])
def test_a_node_that_fails_is_named_and_the_next_prompt_runs(stack: Stack, kind: str) -> None:
    entry = stack.finished(stack.submit(prompt({"class_type": kind})))
    name, data = entry["status"]["messages"][-1]
    assert (name, data["node_id"], data["node_type"]) == ("execution_error", "2", kind)
    assert stack.finished(stack.submit(prompt()))["status"]["status_str"] == "success"
