"""`execution`: whether a prompt could be submitted, and names; prompts themselves run in an engine of our own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any

from services.executor.catalogue import definitions_json
from services.executor.custom.pack_host import pack_host
from services.executor.engine.blocking import ExecutionBlocker
from services.executor.engine.context import RunContext, current_space
from services.executor.engine.failure import type_name as full_type_name
from services.executor.input_checks import check_inputs
from services.graph.complaints import Complaint
from services.graph.definitions import Catalogue
from services.graph.errors import PromptRejected
from services.graph.model import parse_graph
from services.graph.validation import validate

__all__ = ["ExecutionBlocker", "full_type_name", "validate_prompt"]


async def validate_prompt(
    prompt_id: str, prompt: Mapping[str, Any], partial_execution_list: Collection[str] | None = None
) -> tuple[bool, dict[str, Any] | None, list[str], dict[str, Any]]:
    """Hold a prompt to the rules, by the classes of this worker.

    Returns:
        Whether an output can be produced, else the error; the outputs that can be, and the errors of nodes by id.
    """
    host = pack_host()
    catalogue = Catalogue.from_json(definitions_json(host.classes, host.display_names))
    try:
        graph = parse_graph(json.dumps(prompt).encode())

        async def ask(node_ids: Collection[str]) -> dict[str, list[Complaint]]:
            space = current_space() or ""
            context = RunContext(prompt_id=prompt_id, files=host.files.within(space), file_space=space)
            return await asyncio.to_thread(check_inputs, graph, node_ids, host.classes, context)

        accepted = await validate(graph, catalogue, partial_execution_list, ask)
    except PromptRejected as rejection:
        return False, json.loads(rejection.error_json), [], json.loads(rejection.node_errors_json)
    return True, None, list(accepted.output_node_ids), json.loads(accepted.node_errors_json)
