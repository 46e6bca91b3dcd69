"""Calls node classes: their function, and what they say has changed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from services.executor.engine.context import Emit, NodeContext, RunContext, enter_context, leave_context
from services.executor.engine.coroutines import Coroutines
from services.executor.engine.dynamic_prompt import DynamicPrompt
from services.executor.engine.inputs import HiddenInputs, known_inputs
from services.executor.engine.instances import Instances
from services.executor.engine.lists import InputValues, call_for_each
from services.executor.engine.node_class import NodeClass
from services.executor.engine.results import NodeResult, read_results
from services.graph.model import Node

log = logging.getLogger(__name__)

_EQUALS_NOTHING = math.nan


class NodeCalls:
    """Calls into the classes of one run, each with the context of its node."""

    def __init__(
        self,
        prompt: DynamicPrompt,
        extra_data: Mapping[str, Any],
        instances: Instances,
        coroutines: Coroutines,
        context: RunContext,
        emit: Emit,
    ) -> None:
        self._prompt = prompt
        self._hidden = HiddenInputs(prompt, extra_data)
        self._instances = instances
        self._coroutines = coroutines
        self._context = context
        self._emit = emit

    def execute(self, node: Node, node_class: NodeClass, inputs: InputValues) -> NodeResult:
        """Run the node; what it raises passes through.

        Raises:
            UnusableResultError: it returned something that its class did not declare.
            Interrupted: the run was asked to stop.
        """
        function = getattr(self._instances.of(node, node_class.cls), node_class.function)
        return read_results(self._call(node, node_class, function, inputs), node_class)

    def fingerprint(self, node: Node, node_class: NodeClass) -> Any:
        """What the class says about changes that the inputs do not show; linked inputs are None to it.

        A class that fails to say it equals nothing, so that its nodes always run.
        """
        try:
            function = node_class.cls.IS_CHANGED
            return self._call(node, node_class, function, known_inputs(node, node_class))
        except Exception as error:
            log.warning("node %s (%s) cannot tell what has changed and will run: %s", node.id, node.class_type, error)
            return _EQUALS_NOTHING

    def _call(self, node: Node, node_class: NodeClass, function: Any, inputs: InputValues) -> list[Any]:
        values = {**inputs, **self._hidden.of(node.id, node_class)}
        token = enter_context(NodeContext(self._context, self._prompt.ref(node.id), self._emit))
        try:
            calls = call_for_each(self._interruptible(function), values, takes_lists=node_class.takes_lists)
            return [self._coroutines.settle(returned) for returned in calls]
        finally:
            leave_context(token)

    def _interruptible(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(**values: Any) -> Any:
            self._context.raise_if_interrupted()
            return function(**values)

        return call
