"""Runs prompts, one after the other, and reports what happens as events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.executor.engine.cache import ResultCache
from services.executor.engine.calls import NodeCalls
from services.executor.engine.context import Emit, Interrupted, RunContext
from services.executor.engine.coroutines import Coroutines
from services.executor.engine.dynamic_prompt import DynamicPrompt
from services.executor.engine.failure import failure_of
from services.executor.engine.inputs import resolved_inputs
from services.executor.engine.instances import Instances
from services.executor.engine.lists import InputValues
from services.executor.engine.node_class import NodeClasses
from services.executor.engine.order import DependencyCycleError, Schedule
from services.executor.engine.results import NodeResult
from services.executor.engine.signing import sign_graph
from services.graph.events import (
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodesCached,
    NodeStarted,
    Terminal,
)
from services.graph.model import Graph, Node
from services.graph.signature import Signature
from services.graph.traversal import Ancestry


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

        Never raises for a node's fault, whatever the node does short of ending the process. What `emit` raises and
        `KeyboardInterrupt` pass through.
        """
        emit(ExecutionStarted())
        self._instances.begin(graph.nodes.values())
        with Coroutines() as coroutines:
            prompt = DynamicPrompt(graph)
            calls = NodeCalls(prompt, extra_data, self._instances, coroutines, context, emit)
            emit(_Run(graph, prompt, NodeClasses(self._classes), self._cache, calls, emit).execute(output_node_ids))

    def free(self) -> None:
        """Forget all results and node objects."""
        self._cache.clear()
        self._instances.clear()


#: Blamed when the prompt as a whole cannot be run.
_NOBODY = Node("", "", {})


class _Run:
    """One prompt while it runs."""

    def __init__(
        self,
        graph: Graph,
        prompt: DynamicPrompt,
        classes: NodeClasses,
        cache: ResultCache,
        calls: NodeCalls,
        emit: Emit,
    ) -> None:
        self._graph = graph
        self._prompt = prompt
        self._classes = classes
        self._cache = cache
        self._calls = calls
        self._emit = emit
        self._signatures: dict[str, Signature | None] = {}
        self._results: dict[str, NodeResult] = {}
        self._executed: list[str] = []
        self._node = _NOBODY
        self._inputs: InputValues = {}

    def execute(self, output_node_ids: Sequence[str]) -> Terminal:
        """Produce the outputs; answers with how it ended."""
        try:
            self._produce(output_node_ids)
        except Interrupted:
            return ExecutionInterrupted(self._node.id, self._node.class_type, tuple(self._executed))
        except KeyboardInterrupt:
            raise
        except DependencyCycleError as error:
            return failure_of(self._graph.nodes[error.cycle[0]], error, {}, tuple(self._executed))
        except BaseException as error:  # whatever somebody else's code raises is that node's failure
            return failure_of(self._node, error, self._inputs, tuple(self._executed))
        return ExecutionSucceeded()

    def _produce(self, output_node_ids: Sequence[str]) -> None:
        if absent := [node_id for node_id in output_node_ids if node_id not in self._graph.nodes]:
            raise LookupError(f"the prompt has no node {', '.join(absent)}")
        self._signatures = sign_graph(self._graph, self._classes, self._fingerprint)
        self._find_results(output_node_ids)
        schedule = Schedule(self._graph.sources, self._results.__contains__)
        schedule.require_outputs(output_node_ids)
        while (node_id := schedule.pick()) is not None:
            self._node, self._inputs = self._graph.nodes[node_id], {}
            self._step(self._node)
            schedule.complete(node_id)
            self._node = _NOBODY

    def _fingerprint(self, node: Node, node_class: Any) -> Any:
        self._node = node
        fingerprint = self._calls.fingerprint(node, node_class)
        self._node = _NOBODY
        return fingerprint

    def _find_results(self, output_node_ids: Sequence[str]) -> None:
        """Take from the cache what the outputs depend on, and tell what is there."""
        self._cache.begin([signature for signature in self._signatures.values() if signature is not None])
        wanted = set(Ancestry(output_node_ids, self._graph.sources).order)
        for node_id in self._graph.nodes:
            if node_id in wanted and (result := self._reusable(node_id)):
                self._results[node_id] = result
        self._emit(NodesCached(tuple(self._results)))
        for node_id, result in self._results.items():
            if self._classes[self._graph.nodes[node_id].class_type].is_output:
                self._emit(NodeFinished(self._prompt.ref(node_id), result.ui_json, reused=True))

    def _reusable(self, node_id: str) -> NodeResult | None:
        signature = self._signatures[node_id]
        return None if signature is None else self._cache.get(signature)

    def _step(self, node: Node) -> None:
        """Run a node, unless an equal one of this prompt has run before."""
        result = self._reusable(node.id)
        reused = result is not None
        if result is None:
            result = self._call(node)
            self._executed.append(node.id)
        self._results[node.id] = result
        self._emit(NodeFinished(self._prompt.ref(node.id), result.ui_json, reused))

    def _call(self, node: Node) -> NodeResult:
        self._emit(NodeStarted(self._prompt.ref(node.id)))
        node_class = self._classes[node.class_type]
        self._inputs = resolved_inputs(node, node_class, self._results.get)
        result = self._calls.execute(node, node_class, self._inputs)
        signature = self._signatures[node.id]
        if signature is not None:
            self._cache.put(signature, result)
        return result
