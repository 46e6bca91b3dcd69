"""What is accepted is not lost, whatever dies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Stack, running, wait_for


def slow(example: dict[str, Any], seed: int) -> dict[str, Any]:
    """A prompt that samples for a good while."""
    example["3"]["inputs"] |= {"steps": 200, "seed": seed}
    return example


def is_sampling(stack: Stack, prompt_id: str) -> bool:
    return [item[1] for item in stack.get("/queue")["queue_running"]] == [prompt_id]


@pytest.mark.timeout(120)
def test_a_worker_killed_in_mid_run_is_replaced_and_the_prompt_runs_again(
    example: dict[str, Any], tmp_path: Path
) -> None:
    with running(tmp_path) as stack:
        prompt_id = stack.submit(slow(example, 1))
        wait_for(lambda: is_sampling(stack, prompt_id), "the start of the prompt")
        killed = stack.worker()
        killed.kill()
        entry = stack.finished(prompt_id)
        assert entry["status"]["status_str"] == "success"
        assert entry["outputs"]["9"]["images"]
        assert stack.worker().pid != killed.pid


@pytest.mark.timeout(120)
def test_a_prompt_that_kills_its_worker_fails_and_the_next_one_runs(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        poison = stack.submit(
            {
                "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 1}},
                "2": {"class_type": "TestCrash", "inputs": {"image": ["1", 0]}},
                "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
            }
        )
        good = stack.submit(
            {
                "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 1}},
                "3": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
            }
        )
        entry = stack.finished(poison)
        assert entry["status"]["status_str"] == "error"
        name, data = entry["status"]["messages"][-1]
        assert name == "execution_error"
        assert "signal 9" in data["exception_message"]
        assert stack.finished(good)["status"]["status_str"] == "success"


@pytest.mark.timeout(120)
def test_prompts_outlive_the_whole_stack(example: dict[str, Any], tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        running_id = stack.submit(slow(example, 2))
        wait_for(lambda: is_sampling(stack, running_id), "the start of the prompt")
        waiting = [stack.submit(example | {"10": dict(example["9"])}) for _ in range(3)]
        stack.process.kill()
        stack.process.wait()
    with running(tmp_path) as stack:
        for prompt_id in (running_id, *waiting):
            assert stack.finished(prompt_id)["status"]["status_str"] == "success"


def test_an_interrupted_prompt_ends_as_interrupted_and_only_that_one(stack: Stack, example: dict[str, Any]) -> None:
    prompt_id = stack.submit(slow(example, 3))
    wait_for(lambda: is_sampling(stack, prompt_id), "the start of the prompt")
    example["3"]["inputs"]["steps"] = 2
    following = stack.submit(example)
    assert stack.post("/interrupt", {"prompt_id": following}).status_code == 200
    assert is_sampling(stack, prompt_id), "an interrupt of another prompt does not hit this one"
    assert stack.post("/interrupt", {"prompt_id": prompt_id}).status_code == 200
    messages = stack.finished(prompt_id)["status"]["messages"]
    assert messages[-1][0] == "execution_interrupted"
    assert stack.finished(following)["status"]["status_str"] == "success"
