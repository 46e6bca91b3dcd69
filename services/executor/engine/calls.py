"""Calls node classes: their function, what they need, and what they say has changed."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from services.executor.engine.blocking import Report, blocker_in, passed_on
from services.executor.engine.context import Emit, NodeContext, RunContext, enter_context, leave_context
from services.executor.engine.coroutines import Coroutines, Task
from services.executor.engine.dynamic_prompt import DynamicPrompt
from services.executor.engine.inputs import HiddenInputs, known_inputs
from services.executor.engine.instances import Instances
from services.executor.engine.lists import InputValues, arguments_of_calls
from services.executor.engine.node_class import NodeClass
from services.graph.model import Node

log = logging.getLogger(__name__)

_EQUALS_NOTHING = math.nan


class Calls:
    """The calls of a node's function, one per item of its inputs; some may be coroutines that have not ended."""

    def __init__(self, returned: list[Any]) -> None:
        self._returned = returned

    @property
    def unfinished(self) -> list[Task]:
        """The coroutines to wait for; none when all have ended or one has failed."""
        tasks = [item for item in self._returned if isinstance(item, asyncio.Task)]
        if any(task.done() and (task.cancelled() or task.exception()) for task in tasks):
            return []
        return [task for task in tasks if not task.done()]

    def values(self) -> list[Any]:
        """What each call returned; what the first that failed raised passes through."""
        tasks = [item for item in self._returned if isinstance(item, asyncio.Task)]
        for task in tasks:
            if task.done():
                task.result()
        return [item.result() if isinstance(item, asyncio.Task) else item for item in self._returned]


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

    @property
    def file_space(self) -> str:
        """Whose files the nodes see."""
        return self._context.file_space

    def start(self, node: Node, node_class: NodeClass, inputs: InputValues, report: Report) -> Calls:
        """Run the node; what it raises passes through. `report` is told what keeps it from running.

        Raises:
            Interrupted: the run was asked to stop.
        """
        function = getattr(self._instances.of(node, node_class.cls), node_class.function)
        return Calls(self._call(node, node_class, function, inputs, self._coroutines.start, report))

    def wanted_inputs(self, node: Node, node_class: NodeClass, inputs: InputValues) -> list[str]:
        """The lazy inputs that the node asks for, of all its items, in the order in which it first does."""
        function = self._instances.of(node, node_class.cls).check_lazy_status
        answers = self._call(node, node_class, function, inputs, self._coroutines.settle)
        names = [name for answer in answers if isinstance(answer, list | tuple | set) for name in answer]
        return list(dict.fromkeys(name for name in names if isinstance(name, str)))

    def fingerprint(self, node: Node, node_class: NodeClass) -> Any:
        """What the class says about changes that the inputs do not show; linked inputs are None to it.

        A class that fails to say it equals nothing, so that its nodes always run.
        """
        try:
            function = node_class.cls.IS_CHANGED
            inputs = known_inputs(node, node_class)
            return self._call(node, node_class, function, inputs, self._coroutines.settle)
        except Exception as error:
            log.warning("node %s (%s) cannot tell what has changed and will run: %s", node.id, node.class_type, error)
            return _EQUALS_NOTHING

    def _call(
        self,
        node: Node,
        node_class: NodeClass,
        function: Callable[..., Any],
        inputs: InputValues,
        take: Callable[[Any], Any],
        report: Report | None = None,
    ) -> list[Any]:
        """What `take` makes of each answer."""
        returned = []
        values = {**inputs, **self._hidden.of(node.id, node_class)}
        for index, arguments in enumerate(arguments_of_calls(values, takes_lists=node_class.takes_lists)):
            self._context.raise_if_interrupted()
            if blocker := blocker_in(arguments, takes_lists=node_class.takes_lists):
                returned.append(passed_on(blocker, report) if report else blocker)
                continue
            token = enter_context(NodeContext(self._context, self._prompt.ref(node.id), self._emit, index))
            try:
                returned.append(take(function(**arguments)))
            finally:
                leave_context(token)
        return returned
