"""What is told of a node that fails."""

from __future__ import annotations

from typing import Any

from tests.differences.difference import Difference, everywhere

_HIDDEN_INPUTS = ("prompt", "extra_pnginfo")


def told_of_a_failure(data: dict[str, Any]) -> None:
    """Change the data of an `execution_error` of ComfyUI's into ours."""
    for change in (_outputs_that_were_made, _inputs_that_were_declared, _nodes_of_the_cycle):
        change(data)


def _outputs_that_were_made(data: dict[str, Any]) -> None:
    if "current_outputs" in data and data["exception_type"] != "ExecutionBlocked":
        data["current_outputs"] = data["executed"]


def _inputs_that_were_declared(data: dict[str, Any]) -> None:
    if isinstance(inputs := data.get("current_inputs"), dict):
        for name in _HIDDEN_INPUTS:
            inputs.pop(name, None)


def _nodes_of_the_cycle(data: dict[str, Any]) -> None:
    if data.get("exception_type") == "graph.DependencyCycleError":
        data["exception_type"] = "services.executor.engine.order.DependencyCycleError"
        data["exception_message"] = "dependency cycle: 2.0.0.2 -> 2.0.0.3 -> 2.0.0.2\n"
        if "current_inputs" in data:
            data["current_inputs"] = {}


IN_NODES = (
    Difference(
        "current_outputs are the nodes that ran",
        "ComfyUI lists all nodes of the workflow",
        everywhere(_outputs_that_were_made),
    ),
    Difference(
        "current_inputs are without hidden ones",
        "they hold the whole workflow, and secrets of the submitter",
        everywhere(_inputs_that_were_declared),
    ),
    Difference(
        "a cycle that a node made names the nodes that need each other",
        "ComfyUI only says that there is one",
        everywhere(_nodes_of_the_cycle),
    ),
)
