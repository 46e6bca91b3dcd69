"""Whole workflows, node after node, against what ComfyUI made of them with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch

from services.executor import environment
from services.executor.engine.context import NodeContext, RunContext, enter_context, leave_context
from services.executor.model_folders import ModelFolders
from services.executor.nodes import NODE_CLASSES
from services.graph.events import NodeRef
from tests.executor.diffusion.golden import GOLDEN, table, tensors
from tests.executor.nodes.conftest import FolderFiles

CASES = {case["name"]: case for case in table("pipelines")["cases"]}
MIN_TOLERANCE = 2e-4  # of the largest value
NOISE_MARGIN = 5  # times the difference between two runs of the reference


@pytest.fixture(scope="module", autouse=True)
def golden_files() -> Iterator[None]:
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((GOLDEN / "models",))))
    run = RunContext(prompt_id="p", files=FolderFiles(GOLDEN))
    token = enter_context(NodeContext(run, NodeRef.of_workflow("1"), lambda event: None))
    yield
    leave_context(token)
    environment.install(before)


class Workflow:
    """Calls the nodes of a prompt, those first that others need."""

    def __init__(self, prompt: dict[str, Any]) -> None:
        self._prompt = prompt

    @cache  # noqa: B019 - a workflow lives as long as its test
    def outputs(self, node: str) -> tuple[Any, ...]:
        """The outputs of a node."""
        inputs = {
            name: self.outputs(value[0])[value[1]] if isinstance(value, list) else value
            for name, value in self._prompt[node]["inputs"].items()
        }
        cls: Any = NODE_CLASSES[self._prompt[node]["class_type"]]
        with torch.inference_mode():
            outputs: tuple[Any, ...] = getattr(cls(), cls.FUNCTION)(**inputs)
        return outputs


def part_of(output: Any, part: str) -> torch.Tensor:
    """A tensor of a LATENT by its key, of a CONDITIONING by its entry and name, or an IMAGE itself."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, dict):
        tensor: torch.Tensor = output[part]
        return tensor
    index, name = part.split("/")
    embedding, options = output[int(index)]
    parts: dict[str, torch.Tensor] = {"cond": embedding, "pooled": options["pooled_output"]}
    return parts[name]


@pytest.mark.parametrize("name", CASES)
def test_a_workflow_gives_what_was_recorded(name: str) -> None:
    case = CASES[name]
    workflow = Workflow(case["prompt"])
    for recorded in case["outputs"].values():
        output = workflow.outputs(recorded["node"])[recorded["slot"]]
        for part, key in recorded["tensors"].items():
            found = part_of(output, part)
            expected = tensors("pipelines")[key]
            tolerance = max(MIN_TOLERANCE, NOISE_MARGIN * case.get("noise_rel", 0)) * float(expected.abs().max())
            torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
