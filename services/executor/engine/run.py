"""Runs prompts, one after the other, and reports what happens as events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.executor.engine.caches.base import ResultCache
from services.executor.engine.calls import NodeCalls
from services.executor.engine.context import Emit, RunContext
from services.executor.engine.coroutines import Coroutines
from services.executor.engine.dynamic_prompt import DynamicPrompt
from services.executor.engine.instances import Instances
from services.executor.engine.node_class import NodeClasses
from services.executor.engine.prompt_run import PromptRun
from services.graph.events import ExecutionEvent, ExecutionStarted
from services.graph.model import Graph


class Engine:
    """Runs prompts in the thread that calls it, and keeps results and node objects from one to the next."""

    def __init__(self, classes: Mapping[str, type], cache: ResultCache) -> None:
        self._classes = classes
        self._cache = cache
        self._instances = Instances()

    def run(
        self,
        graph: Graph,
        extra_data: Mapping[str, Any],
        output_node_ids: Sequence[str],
        context: RunContext,
        emit: Emit,
    ) -> None:
        """Produce the outputs and report every event; the last one is terminal.

        Never raises for a node's fault, whatever the node does short of ending the process. What `emit` raises is the
        failure of the node it was told about, unless that event was the first or the last one.
        """
        emit(ExecutionStarted())
        running = True

        def emit_while_running(event: ExecutionEvent) -> None:
            if running:  # threads and coroutines that nodes left behind may go on
                emit(event)

        self._instances.begin(graph.nodes.values(), context.file_space)
        with Coroutines(context.raise_if_interrupted) as coroutines:
            prompt = DynamicPrompt(graph)
            calls = NodeCalls(prompt, extra_data, self._instances, coroutines, context, emit_while_running)
            run = PromptRun(prompt, NodeClasses(self._classes), self._cache, calls, coroutines, emit_while_running)
            terminal = run.execute(output_node_ids)
        running = False
        emit(terminal)

    def free(self) -> None:
        """Forget all results and node objects."""
        self._cache.clear()
        self._instances.clear()
