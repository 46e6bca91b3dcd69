"""Asks node classes what they say against their own inputs (VALIDATE_INPUTS)."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Collection, Mapping
from typing import Any

from services.executor.engine.context import NodeContext, RunContext, enter_context, leave_context
from services.executor.engine.failure import message_of
from services.graph.coercion import coerce
from services.graph.complaints import Complaint
from services.graph.definitions import read_inputs
from services.graph.events import NodeRef
from services.graph.model import Graph, Link, Node

log = logging.getLogger(__name__)


def check_inputs(
    graph: Graph, node_ids: Collection[str], classes: Mapping[str, type], context: RunContext
) -> dict[str, list[Complaint]]:
    """The complaints of the nodes' classes by node id; nodes without complaint are left out.

    A class gets the constants it names, converted to their declared types, None for what is linked, and, as
    `input_types`, the types of what is linked. A class that raises is a complaint of its own.
    """
    complaints = {}
    for node_id in node_ids:
        node = graph.nodes.get(node_id)
        cls = classes.get(node.class_type) if node else None
        if node and hasattr(cls, "VALIDATE_INPUTS"):
            token = enter_context(NodeContext(context, NodeRef.of_workflow(node_id), lambda event: None))
            try:
                complaints[node_id] = _ask(cls, node, graph, classes)
            except BaseException as error:  # it may call sys.exit, too
                log.warning("VALIDATE_INPUTS of %s failed", node.class_type, exc_info=True)
                complaints[node_id] = [Complaint(None, message_of(error), type(error).__name__)]
            finally:
                leave_context(token)
    return {node_id: found for node_id, found in complaints.items() if found}


def _ask(cls: Any, node: Node, graph: Graph, classes: Mapping[str, type]) -> list[Complaint]:
    spec = inspect.getfullargspec(cls.VALIDATE_INPUTS)
    named = {*spec.args, *spec.kwonlyargs}
    inputs = {
        name: value for name, value in _declared_values(cls, node).items() if spec.varkw is not None or name in named
    }
    types = {"input_types": _received_types(node, graph, classes)} if "input_types" in named else {}
    answer = cls.VALIDATE_INPUTS(**inputs, **types)
    if inspect.isawaitable(answer):
        answer = asyncio.run(_awaited(answer))
    if answer is True:
        return []
    message = "" if answer is False else str(answer)
    return [Complaint(name, message) for name in (*inputs, *types)] or [Complaint(None, message)]


def _declared_values(cls: Any, node: Node) -> dict[str, Any]:
    declared = read_inputs(cls.INPUT_TYPES())
    return {
        name: None if isinstance(value, Link) else coerce(declared[name].type, value)
        for name, value in node.inputs.items()
        if name in declared
    }


def _received_types(node: Node, graph: Graph, classes: Mapping[str, type]) -> dict[str, Any]:
    received = {}
    for name, link in node.links():
        source: Any = classes.get(graph.nodes[link.node_id].class_type) if link.node_id in graph.nodes else None
        if source is not None:
            received[name] = source.RETURN_TYPES[link.slot]
    return received


async def _awaited(answer: Any) -> Any:
    return await answer
