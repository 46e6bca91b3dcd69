"""One prompt while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.executor.engine.caches.base import ResultCache
from services.executor.engine.calls import Calls, NodeCalls
from services.executor.engine.context import Emit, Interrupted
from services.executor.engine.coroutines import Coroutines
from services.executor.engine.dependencies import Dependencies, not_computed, sources_of
from services.executor.engine.dynamic_prompt import DynamicPrompt
from services.executor.engine.failure import failure_of
from services.executor.engine.inputs import linked_values, resolved_inputs
from services.executor.engine.lists import InputValues
from services.executor.engine.node_class import NodeClass, NodeClasses
from services.executor.engine.order import DependencyCycleError, Schedule
from services.executor.engine.results import NodeResult, Returned, merge_returned, read_returned
from services.executor.engine.signing import Signatures
from services.graph.events import (
    ExecutionInterrupted,
    ExecutionSucceeded,
    NodeBlocked,
    NodeFinished,
    NodesCached,
    NodeStarted,
    Terminal,
)
from services.graph.model import Node
from services.graph.traversal import Ancestry

#: Blamed when the prompt as a whole cannot be run.
_NOBODY = Node("", "", {})


class PromptRun:
    """Takes the nodes of a prompt in an order that emerges as they run, and reports what happens to each.

    A node that is taken asks for more inputs and is taken again, or begins. What it returns is its result, or nodes
    to run in its place: it is taken again when they are done. A coroutine is left alone while other nodes run.
    """

    def __init__(
        self,
        prompt: DynamicPrompt,
        classes: NodeClasses,
        cache: ResultCache,
        calls: NodeCalls,
        coroutines: Coroutines,
        emit: Emit,
    ) -> None:
        self._prompt = prompt
        self._classes = classes
        self._cache = cache
        self._calls = calls
        self._coroutines = coroutines
        self._emit = emit
        self._signatures = Signatures(prompt, classes, self._fingerprint, calls.file_space)
        self._results: dict[str, NodeResult] = {}
        self._dependencies = Dependencies(prompt, classes)
        self._schedule = Schedule(self._dependencies.of, self._results.__contains__, self._dependencies.is_async)
        #: nodes whose coroutines have begun, with the inputs they were called with
        self._in_flight: dict[str, tuple[Calls, InputValues]] = {}
        #: what nodes returned that wait for the nodes they made
        self._expanded: dict[str, list[Returned]] = {}
        self._executed: list[str] = []
        self._node = _NOBODY
        self._inputs: InputValues = {}

    def execute(self, output_node_ids: Sequence[str]) -> Terminal:
        """Produce the outputs; answers with how it ended."""
        try:
            self._produce(output_node_ids)
        except Interrupted:
            node = self._blamed(self._node)
            return ExecutionInterrupted(node.id, node.class_type, tuple(self._executed))
        except DependencyCycleError as error:
            self._node, self._inputs = self._cause_of(error.cycle), {}
            return self._failed(error)
        except BaseException as error:  # whatever somebody else's code raises is that node's failure
            return self._failed(error)
        return ExecutionSucceeded()

    def _failed(self, error: BaseException) -> Terminal:
        return failure_of(self._blamed(self._node), error, self._inputs, tuple(self._executed))

    def _blamed(self, node: Node) -> Node:
        """The node of the workflow that stands for one that another node made."""
        return self._prompt.nodes[self._prompt.get_real_node_id(node.id)] if node is not _NOBODY else node

    def _cause_of(self, cycle: Sequence[str]) -> Node:
        """Cycles in workflows are refused earlier, so a node that was made on the way is what closed it."""
        return self._prompt.nodes[next(filter(self._prompt.is_added, cycle), cycle[0])]

    def _produce(self, output_node_ids: Sequence[str]) -> None:
        if absent := [node_id for node_id in output_node_ids if node_id not in self._prompt.nodes]:
            raise LookupError(f"the prompt has no node {', '.join(absent)}")
        self._signatures.sign(self._prompt.nodes)
        self._find_results(output_node_ids)
        self._schedule.require_outputs(output_node_ids)
        while True:
            if (node_id := self._schedule.pick()) is not None:
                self._take(self._prompt.nodes[node_id])
            elif self._in_flight:
                self._wait()
            else:
                break
            if self._in_flight:
                self._collect()
            self._node = _NOBODY
        self._schedule.raise_if_stuck()

    def _fingerprint(self, node: Node, node_class: NodeClass) -> Any:
        before, self._node = self._node, node
        fingerprint = self._calls.fingerprint(node, node_class)
        self._node = before
        return fingerprint

    def _find_results(self, output_node_ids: Sequence[str]) -> None:
        """Take from the cache what the outputs depend on, and tell what is there."""
        self._cache.begin(self._signatures.all(), self._prompt.nodes)
        wanted = set(Ancestry(output_node_ids, self._prompt.sources).order)
        for node_id in self._prompt.nodes:
            if node_id in wanted and (result := self._reusable(node_id)):
                self._results[node_id] = result
        self._emit(NodesCached(tuple(self._results)))
        for node_id, result in self._results.items():
            if self._classes[self._prompt.nodes[node_id].class_type].shows_again:
                self._emit(NodeFinished(self._prompt.ref(node_id), result.ui_json, reused=True))

    def _reusable(self, node_id: str) -> NodeResult | None:
        signature = self._signatures.of(node_id)
        return None if signature is None else self._cache.get(signature, self._owner(node_id))

    def _owner(self, node_id: str) -> str:
        return self._prompt.get_real_node_id(node_id) if self._prompt.is_added(node_id) else ""

    def _take(self, node: Node) -> None:
        self._node, self._inputs = node, {}
        if node.id in self._expanded:
            self._conclude(node, self._expanded.pop(node.id))
        elif result := self._reusable(node.id):
            self._finish(node, result, reused=True)
        else:
            self._begin(node)

    def _begin(self, node: Node) -> None:
        self._emit(NodeStarted(self._prompt.ref(node.id)))
        node_class = self._classes[node.class_type]
        self._inputs = resolved_inputs(node, node_class, self._results.get)
        if sources := self._sources_asked_for(node, node_class):
            self._schedule.wait_for(node.id, sources)
            return
        calls = self._calls.start(node, node_class, self._inputs, self._report_blocker)
        if calls.unfinished:
            self._in_flight[node.id] = calls, self._inputs
        else:
            self._use(node, calls)

    def _sources_asked_for(self, node: Node, node_class: NodeClass) -> list[str]:
        if not node_class.chooses_inputs:
            return []
        names = self._calls.wanted_inputs(node, node_class, self._inputs)
        return sources_of(names, node, not_computed(node, node_class, self._results.get), self._prompt)

    def _wait(self) -> None:
        """Nothing else can run: wait for the coroutines."""
        self._blame_in_flight(next(iter(self._in_flight)))
        self._coroutines.wait([task for calls, _ in self._in_flight.values() for task in calls.unfinished])

    def _collect(self) -> None:
        """Go on with the nodes whose coroutines have ended."""
        self._coroutines.turn()
        for node_id, (calls, _) in list(self._in_flight.items()):
            if not calls.unfinished:
                self._blame_in_flight(node_id)
                del self._in_flight[node_id]
                self._use(self._node, calls)

    def _blame_in_flight(self, node_id: str) -> None:
        self._node, self._inputs = self._prompt.nodes[node_id], self._in_flight[node_id][1]

    def _use(self, node: Node, calls: Calls) -> None:
        """Go on with what a node returned."""
        node_class = self._classes[node.class_type]
        returned = [read_returned(value, node_class) for value in calls.values()]
        if any(part.subgraph is not None for part in returned):
            self._expand(node, returned)
        else:
            self._conclude(node, returned)

    def _expand(self, node: Node, returned: list[Returned]) -> None:
        """Run what a node wants to be run in its place."""
        added = [
            node_id
            for part in returned
            if part.subgraph is not None
            for node_id in self._prompt.add(node.id, part.subgraph)
        ]
        self._expanded[node.id] = returned
        self._signatures.sign(added)
        self._schedule.require_outputs([node_id for node_id in added if self._is_output(node_id)])
        links = {link.node_id: None for part in returned for link in part.links()}
        self._schedule.wait_for(node.id, [node_id for node_id in links if node_id in self._prompt.nodes])

    def _is_output(self, node_id: str) -> bool:
        return self._classes[self._prompt.nodes[node_id].class_type].is_output

    def _conclude(self, node: Node, returned: list[Returned]) -> None:
        node_class = self._classes[node.class_type]
        result = merge_returned(returned, node_class, lambda link: linked_values(link, "result", self._results.get))
        self._executed.append(node.id)
        signature = self._signatures.of(node.id)
        if signature is not None:
            self._cache.put(signature, result, self._owner(node.id))
        self._finish(node, result, reused=False)

    def _finish(self, node: Node, result: NodeResult, *, reused: bool) -> None:
        self._results[node.id] = result
        self._emit(NodeFinished(self._prompt.ref(node.id), result.ui_json, reused))
        unused = self._schedule.complete(node.id)
        if not self._cache.keeps:
            self._let_go(unused)

    def _let_go(self, node_ids: Iterable[str]) -> None:
        for node_id in node_ids:
            del self._results[node_id]
            self._schedule.forget(node_id)
            self._dependencies.forget(node_id)
            self._prompt.may_repeat(node_id)

    def _report_blocker(self, message: str) -> None:
        self._emit(NodeBlocked(self._prompt.ref(self._node.id), self._node.class_type, message, tuple(self._executed)))
