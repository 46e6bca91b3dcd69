"""An engine on a workbench: runs graphs and keeps what they report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.executor.engine.caches.base import ResultCache
from services.executor.engine.caches.classic import ClassicCache
from services.executor.engine.context import RunContext
from services.executor.engine.run import Engine
from services.files.records import FileKind, FileName
from services.graph.events import ExecutionEvent, NodeFinished, NodeStarted
from services.graph.model import parse_graph
from tests.executor.engine.nodes import CORE

Nodes = Mapping[str, tuple[str, Any]]


class NoFiles:
    """For nodes that touch no file."""

    def fetch(self, name: FileName) -> Path:
        raise AssertionError(name)

    def stat_digest(self, name: FileName) -> str:
        raise AssertionError(name)

    def exists(self, name: FileName) -> bool:
        raise AssertionError(name)

    def list_folder(self, kind: FileKind, subfolder: str) -> list[str]:
        raise AssertionError(subfolder)

    def save(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, data: bytes) -> FileName:
        raise AssertionError(filename_prefix)

    def save_file(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, source: Path) -> FileName:
        raise AssertionError(filename_prefix)


def run_context() -> RunContext:
    """The context of a prompt that nobody watches."""
    return RunContext(prompt_id="the-prompt", files=NoFiles())


class Bench:
    """One engine; its cache lives from run to run."""

    def __init__(self, *classes: type, cache: ResultCache | None = None) -> None:
        self.engine = Engine(CORE | {cls.__name__: cls for cls in classes}, cache or ClassicCache())

    def run(
        self,
        nodes: Nodes,
        outputs: Sequence[str] = ("out",),
        *,
        context: RunContext | None = None,
        extra_data: Mapping[str, Any] | None = None,
        on_event: Callable[[ExecutionEvent], object] = lambda event: None,
    ) -> list[ExecutionEvent]:
        """Every event of one run."""
        source = {
            node_id: {"class_type": class_type, "inputs": inputs} for node_id, (class_type, inputs) in nodes.items()
        }
        events: list[ExecutionEvent] = []

        def emit(event: ExecutionEvent) -> None:
            events.append(event)
            on_event(event)

        graph = parse_graph(json.dumps(source).encode())
        self.engine.run(graph, extra_data or {}, outputs, context or run_context(), emit)
        return events


def started(events: Sequence[ExecutionEvent]) -> list[str]:
    """The nodes that ran, in order."""
    return [event.node.node_id for event in events if isinstance(event, NodeStarted)]


def shown(events: Sequence[ExecutionEvent]) -> dict[str, Any]:
    """What the nodes showed."""
    return {
        event.node.node_id: json.loads(event.output_json)
        for event in events
        if isinstance(event, NodeFinished) and event.output_json
    }


def chain(length: int, class_type: str = "Negate") -> dict[str, tuple[str, Mapping[str, Any]]]:
    """A constant, so many nodes in a row, and an output."""
    nodes: dict[str, tuple[str, Mapping[str, Any]]] = {"0": ("Constant", {"value": 1})}
    for number in range(1, length):
        nodes[str(number)] = (class_type, {"image": [str(number - 1), 0]})
    return nodes | {"out": ("Show", {"images": [str(length - 1), 0]})}
