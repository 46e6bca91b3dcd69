"""Workflows as clients submit them, against what ComfyUI made of them with the same weights."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor

from tests.e2e.stack import Stack, running
from tests.executor.diffusion.golden import GOLDEN, table, tensors
from tests.executor.nodes.test_recorded_workflows import MIN_TOLERANCE, NOISE_MARGIN

#: For each type of a recorded output the node that keeps it in a file, its input, and what lists the file.
KEPT_BY = {"LATENT": ("SaveLatent", "samples", "latents"), "IMAGE": ("SaveImage", "images", "images")}
CASES = {
    case["name"]: case
    for case in table("pipelines")["cases"]
    if any(output["type"] in KEPT_BY for output in case["outputs"].values())
}
CUT = 1 / 255  # what a picture's values can lose: they are cut to 8 bits

LEAST_SIDE = 64  # pixels, of an area that a prompt may ask for

#: Recorded by calling the nodes themselves: their areas are smaller.
SMALL_AREAS = frozenset(
    name
    for name, case in CASES.items()
    for node in case["prompt"].values()
    if node["class_type"] == "ConditioningSetArea"
    and min(node["inputs"]["width"], node["inputs"]["height"]) < LEAST_SIDE
)


def covering(names: Iterable[str]) -> list[str]:
    """Few cases that have every node class of all: what nodes make of each case is compared without a stack."""
    missing = {name: kinds(CASES[name]) for name in sorted(names)}
    chosen = []
    while any(missing.values()):
        best = max(missing, key=lambda name: len(missing[name]))
        chosen.append(best)
        found = missing[best]
        missing = {name: left - found for name, left in missing.items()}
    return sorted(chosen)


def kinds(case: dict[str, Any]) -> frozenset[str]:
    """The node classes of a case."""
    return frozenset(node["class_type"] for node in case["prompt"].values())


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with the models and pictures of the recordings."""
    data = tmp_path_factory.mktemp("recorded")
    shutil.copytree(GOLDEN / "input", data / "input")
    (data / "models").symlink_to(GOLDEN / "models")
    with running(data) as stack:
        yield stack


def kept(case: dict[str, Any]) -> dict[str, Any]:
    """The workflow of a case with nodes that keep its outputs; such a node is called as the output is."""
    graph = dict(case["prompt"])
    for name, output in case["outputs"].items():
        if output["type"] in KEPT_BY:
            keeper, target, _ = KEPT_BY[output["type"]]
            inputs = {target: [output["node"], output["slot"]], "filename_prefix": name}
            graph[name] = {"class_type": keeper, "inputs": inputs}
    return graph


def downloaded(stack: Stack, file: dict[str, Any]) -> Tensor:
    """The latent in a file, or the values of a picture."""
    content = stack.client.get("/view", params=file).raise_for_status().content
    if file["filename"].endswith(".latent"):
        return safetensors.torch.load(content)["latent_tensor"]
    return torch.from_numpy(np.asarray(Image.open(io.BytesIO(content)), dtype=np.float32) / 255)


@pytest.mark.parametrize("name", covering(CASES.keys() - SMALL_AREAS))
def test_a_workflow_gives_what_was_recorded(stack: Stack, name: str) -> None:
    case = CASES[name]
    entry = stack.finished(stack.submit(kept(case)))
    assert entry["status"]["status_str"] == "success", entry["status"]["messages"]
    for output_name, output in case["outputs"].items():
        if output["type"] not in KEPT_BY:
            continue
        files = entry["outputs"][output_name][KEPT_BY[output["type"]][2]]
        (key,) = (key for part, key in output["tensors"].items() if part in ("samples", "data"))
        expected = tensors("pipelines")[key]
        found = torch.stack([downloaded(stack, file) for file in files])
        found = found[0] if output["type"] == "LATENT" else found
        tolerance = max(MIN_TOLERANCE, NOISE_MARGIN * case.get("noise_rel", 0)) * float(expected.abs().max())
        cut = CUT if output["type"] == "IMAGE" else 0.0
        torch.testing.assert_close(found, expected, rtol=0, atol=tolerance + cut)


@pytest.mark.parametrize("name", sorted(SMALL_AREAS))
def test_an_area_below_the_declared_minimum_is_refused(stack: Stack, name: str) -> None:
    answer = stack.post("/prompt", {"prompt": kept(CASES[name])})
    assert answer.status_code == 400
    (problems,) = (node["errors"] for node in answer.json()["node_errors"].values())
    assert {problem["type"] for problem in problems} == {"value_smaller_than_min"}
