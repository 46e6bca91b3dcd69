from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.executor.engine.context import current_context
from services.graph.events import (
    ExecutionEvent,
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
)
from tests.executor.engine.bench import Bench, run_context
from tests.executor.engine.nodes import NeverTheSame, Show

RECORDED = json.loads((Path(__file__).parents[2] / "recorded" / "execution_order.json").read_text())["scenarios"]
SLEEP_STEPS = 20


def node(name: str, inputs: dict[str, str], go: Any, base: type = object, **more: Any) -> type:
    """A node class with these inputs and this function, as ComfyUI's or the recording's class of that name."""
    declared = {"required": {input_name: (kind,) for input_name, kind in inputs.items()}}
    shape = {"RETURN_TYPES": ("IMAGE",), "FUNCTION": "go", "INPUT_TYPES": classmethod(lambda cls: declared), "go": go}
    return type(name, (base,), shape | more)


def boom(self: object, image: Any, msg: str) -> None:
    raise ValueError(msg)


def sleep(self: object, image: Any, **_: Any) -> tuple[Any]:
    for step in range(SLEEP_STEPS):
        current_context().progress(step + 1, SLEEP_STEPS)
    return (image,)


CLASSES = [
    node(
        "EmptyImage",
        {"width": "INT", "height": "INT", "batch_size": "INT", "color": "INT"},
        lambda self, color, **_: (color,),
    ),
    node("ImageInvert", {"image": "IMAGE"}, lambda self, image: (-image,)),
    node("ProbeError", {"image": "IMAGE", "msg": "STRING"}, boom),
    node("ProbeSleep", {"image": "IMAGE", "seconds": "FLOAT", "progress": "BOOLEAN", "tag": "INT"}, sleep),
    type("ProbeChanged", (NeverTheSame,), {}),
    type("PreviewImage", (Show,), {}),
    node(
        "SaveImage",
        {"images": "IMAGE", "filename_prefix": "STRING"},
        lambda self, images, filename_prefix: {"ui": {"images": [filename_prefix]}},
        OUTPUT_NODE=True,
        RETURN_TYPES=(),
    ),
]


def messages(events: Sequence[ExecutionEvent]) -> Iterator[list[Any]]:
    """The events as ComfyUI's messages; it is silent about nodes that finish and show nothing."""
    for event in events:
        match event:
            case ExecutionStarted():
                yield ["execution_start", {}]
            case NodesCached(node_ids):
                yield ["execution_cached", {"nodes": sorted(node_ids)}]
            case NodeStarted(ref):
                yield ["executing", {"node": ref.node_id}]
            case NodeProgress(ref, value, maximum):
                yield ["progress", {"node": ref.node_id, "value": value, "max": maximum}]
            case NodeFinished(ref, output_json, _) if output_json:
                yield ["executed", {"node": ref.node_id}]
            case ExecutionSucceeded():
                yield ["execution_success", {}]
            case ExecutionFailed():
                yield ["execution_error", failed(event)]
            case ExecutionInterrupted():
                fields = {"node_id": event.node_id, "node_type": event.node_type}
                yield ["execution_interrupted", fields | {"executed": list(event.executed_node_ids)}]


def failed(event: ExecutionFailed) -> dict[str, Any]:
    return {
        "node_id": event.node_id,
        "node_type": event.node_type,
        "executed": list(event.executed_node_ids),
        "exception_type": event.exception_type,
        "exception_message": f"{event.exception_message}\n",
    }


@pytest.mark.parametrize("scenario", RECORDED, ids=lambda scenario: str(scenario["scenario"]))
def test_events_come_in_comfyuis_order(scenario: dict[str, Any]) -> None:
    bench = Bench(*CLASSES)
    for run in scenario["runs"]:
        prompt = {node_id: (raw["class_type"], raw["inputs"]) for node_id, raw in run["prompt"].items()}
        context = run_context()
        last_step = [fields for kind, fields in run["messages"] if kind == "progress"][-1:]

        def interrupt(event: ExecutionEvent, context: Any = context, last_step: Any = last_step) -> None:
            if isinstance(event, NodeProgress) and [event.value] == [step["value"] for step in last_step]:
                context.interrupted.set()

        events = bench.run(prompt, run["outputs"], context=context, on_event=interrupt)

        for kind, fields in run["messages"]:
            if kind == "execution_cached":
                fields["nodes"].sort()
        assert list(messages(events)) == run["messages"]
