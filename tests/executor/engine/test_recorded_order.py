from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.executor.engine.blocking import ExecutionBlocker
from services.executor.engine.context import current_context
from services.graph.events import (
    ExecutionEvent,
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeBlocked,
    NodeFinished,
    NodeProgress,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from tests.differences import told_of_a_failure
from tests.executor.engine.bench import Bench, run_context
from tests.executor.engine.nodes import NeverTheSame, Show
from tests.executor.engine.subgraphs import Builder
from tests.executor.engine.test_lazy import Mix

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


async def fail_later(self: object, value: Any, error_after: float) -> None:
    await asyncio.sleep(error_after)
    raise RuntimeError("Intentional async execution error for testing")


async def sleep_later(self: object, value: Any, seconds: float) -> tuple[Any]:
    await asyncio.sleep(seconds)
    return (value,)


def expand(self: object, image: Any, n: int) -> Any:
    builder = Builder()
    for _ in range(n):
        image = [builder.node("ImageInvert", image=image), 0]
    builder.node("PreviewImage", images=image)
    return {"result": (image,), "expand": builder.nodes}


def tangle(self: object, input1: Any, input2: Any) -> Any:
    builder = Builder()
    mask = [builder.node("StubMask", value=0.5), 0]
    first, second = f"{builder.prefix}2", f"{builder.prefix}3"
    builder.node("TestLazyMixImages", image1=input1, image2=[second, 0], mask=mask)
    builder.node("TestLazyMixImages", image1=[first, 0], image2=input2, mask=mask)
    return {"result": ([second, 0],), "expand": builder.nodes}


STUB = {"height": "INT", "width": "INT", "batch_size": "INT"}

CLASSES = [
    node("ProbeExpand", {"image": "IMAGE", "n": "INT"}, expand),
    node("ProbeBlock", {"image": "IMAGE", "msg": "STRING"}, lambda self, image, msg: (ExecutionBlocker(msg or None),)),
    node("StubImage", {"content": "STRING", **STUB}, lambda self, content, **_: (len(content),)),
    node("StubMask", {"value": "FLOAT", **STUB}, lambda self, value, **_: (value,)),
    type("TestLazyMixImages", (Mix,), {}),
    node("TestDynamicDependencyCycle", {"input1": "IMAGE", "input2": "IMAGE"}, tangle),
    node("TestAsyncError", {"value": "*", "error_after": "FLOAT"}, fail_later),
    node("TestSleep", {"value": "*", "seconds": "FLOAT"}, sleep_later),
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
                yield ["execution_cached", {"nodes": list(node_ids)}]
            case NodeStarted(ref):
                yield ["executing", named(ref)]
            case NodeProgress(ref, value, maximum):
                yield ["progress", {"node": ref.node_id, "value": value, "max": maximum}]
            case NodeFinished(ref, output_json, _) if output_json:
                yield ["executed", named(ref)]
            case NodeBlocked():
                yield ["execution_error", blocked(event)]
            case ExecutionSucceeded():
                yield ["execution_success", {}]
            case ExecutionFailed():
                yield ["execution_error", failed(event)]
            case ExecutionInterrupted():
                fields = {"node_id": event.node_id, "node_type": event.node_type}
                yield ["execution_interrupted", fields | {"executed": list(event.executed_node_ids)}]


def named(node: NodeRef) -> dict[str, Any]:
    shown = {"display_node": node.display_node_id} if node.display_node_id != node.node_id else {}
    return {"node": node.node_id, **shown}


def blocked(event: NodeBlocked) -> dict[str, Any]:
    return {
        "node_id": event.node.node_id,
        "node_type": event.node_type,
        "executed": list(event.executed_node_ids),
        "exception_type": "ExecutionBlocked",
        "exception_message": f"Execution Blocked: {event.message}",
    }


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
        for _, data in run["messages"]:
            told_of_a_failure(data)
        last_step = [fields for kind, fields in run["messages"] if kind == "progress"][-1:]

        def interrupt(event: ExecutionEvent, context: Any = context, last_step: Any = last_step) -> None:
            if isinstance(event, NodeProgress) and [event.value] == [step["value"] for step in last_step]:
                context.interrupted.set()

        events = bench.run(prompt, run["outputs"], context=context, on_event=interrupt)

        assert in_any_order(messages(events)) == in_any_order(run["messages"])


def in_any_order(told: Iterable[list[Any]]) -> list[Any]:
    """The messages, without the order of what ComfyUI keeps in sets."""
    return [
        [kind, {key: sorted(value) if key in ("nodes", "executed") else value for key, value in fields.items()}]
        for kind, fields in told
    ]
