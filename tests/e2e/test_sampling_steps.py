"""What is heard of a sampler while it runs, and that it stops when it is asked to."""

from __future__ import annotations

import time
from typing import Any

import pytest

from services.executor.diffusion.samplers import SAMPLERS
from tests.e2e.stack import Stack, wait_for
from tests.e2e.test_crashes import is_running
from tests.e2e.test_interrupts import interrupted
from tests.e2e.test_picture import run_and_listen


@pytest.mark.parametrize(("method", "is_shown"), [("none", False), ("latent2rgb", True), ("taesd", True)])
def test_a_prompt_says_how_its_latents_are_shown(
    stack: Stack, example: dict[str, Any], method: str, is_shown: bool
) -> None:
    example["3"]["inputs"] |= {"seed": 21 + len(method), "steps": 6}
    _, frames = run_and_listen(stack, example, extra_data={"preview_method": method})
    steps = [frame["data"]["value"] for frame in frames if isinstance(frame, dict) and frame["type"] == "progress"]
    assert steps[-1] == 6
    assert any(isinstance(frame, bytes) for frame in frames) is is_shown
    if is_shown:
        (header,) = {frame[:4] for frame in frames if isinstance(frame, bytes)}
        assert header == b"\0\0\0\x04"


def test_every_sampler_tells_of_its_steps(stack: Stack, example: dict[str, Any]) -> None:
    graph = {key: node for key, node in example.items() if key not in ("3", "8", "9")}
    graph["5"]["inputs"] |= {"width": 64, "height": 64}
    for sampler in SAMPLERS:
        inputs = example["3"]["inputs"] | {"sampler_name": sampler, "steps": 3, "seed": 31}
        graph[f"s{sampler}"] = {"class_type": "KSampler", "inputs": inputs}
        graph[f"d{sampler}"] = {"class_type": "VAEDecode", "inputs": {"samples": [f"s{sampler}", 0], "vae": ["4", 2]}}
        graph[f"o{sampler}"] = {"class_type": "PreviewImage", "inputs": {"images": [f"d{sampler}", 0]}}
    _, frames = run_and_listen(stack, graph)
    latest: dict[str, tuple[float, float]] = {}
    for frame in frames:
        if isinstance(frame, dict) and frame["type"] == "progress":
            latest[frame["data"]["node"]] = frame["data"]["value"], frame["data"]["max"]
    assert set(latest) == {f"s{sampler}" for sampler in SAMPLERS}
    assert latest.pop("sdpm_fast") == (2, 3)  # it takes three evaluations for one of its own steps
    assert set(latest.values()) == {(3, 3)}


def slow(example: dict[str, Any], class_type: str, seed: int) -> dict[str, Any]:
    """A workflow with a node that takes long between two things that it tells of."""
    example["5"]["inputs"] |= {"width": 512, "height": 512, "batch_size": 64}
    example["3"]["inputs"] |= {"seed": seed, "steps": 2}
    if class_type != "KSampler":
        example["8"]["class_type"] = class_type
        example["8"]["inputs"]["samples"] = ["5", 0]
        if class_type == "VAEDecodeTiled":
            example["8"]["inputs"] |= {"tile_size": 256, "overlap": 64, "temporal_size": 64, "temporal_overlap": 8}
    return example


@pytest.mark.parametrize("class_type", ["KSampler", "VAEDecode", "VAEDecodeTiled"])
def test_an_interrupt_is_heard_within_a_step(stack: Stack, example: dict[str, Any], class_type: str) -> None:
    quick = example | {"5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}}
    stack.finished(stack.submit(quick))
    worker = stack.worker().pid
    prompt_id = stack.submit(slow(example, class_type, 41))
    wait_for(lambda: is_running(stack, prompt_id), "the start of the prompt")
    time.sleep(0.3)  # into the node
    end = interrupted(stack, prompt_id)
    assert end["node_type"] == class_type
    assert stack.worker().pid == worker, "it stopped in the time that nodes are given"
