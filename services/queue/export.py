"""The record of a job: one JSON document to reproduce it by, or to account for it; docs/history.md describes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from blake3 import blake3

from services.graph.credentials import CONCEALED, is_credential
from services.queue.moments import moment
from services.queue.provenance import RunRecord, SavedFile
from services.queue.records import Attempt, Prompt
from services.queue.results import failure, output_files

#: Grows with every change that a reader of the one before would trip over; members may be added without.
SCHEMA = "silverprint.export/1"

_SEED = re.compile(r"(^|_)seed$")

#: Characters below which a credential is too common to be looked for in other texts.
_SHORTEST = 6


def export(prompt: Prompt) -> bytes:
    """The document; the same prompt always gives the same bytes, once it has finished."""
    graph = json.loads(prompt.graph_json)
    extra_data = json.loads(prompt.extra_data_json)
    secrets = {*_secrets(graph), *_secrets(extra_data)}
    return msgspec.json.encode(
        {
            "schema": SCHEMA,
            "prompt_id": prompt.prompt_id,
            "state": prompt.state.value,
            "number": prompt.number,
            "priority": prompt.priority,
            "user_id": prompt.user_id,
            "client_id": prompt.client_id,
            "workflow_id": prompt.workflow_id,
            "submitted_at": moment(prompt.submitted_at),
            "started_at": moment(prompt.started_at),
            "finished_at": moment(prompt.finished_at),
            "graph_blake3": blake3(prompt.graph_json).hexdigest(),
            "graph": _concealed(prompt.graph_json, graph, secrets),
            "extra_data": _concealed(prompt.extra_data_json, extra_data, secrets),
            "output_node_ids": prompt.output_node_ids,
            "seeds": list(_seeds(graph)),
            "reused_from": prompt.reused_from or None,
            "attempts": list(map(_attempt, prompt.attempts)),
            "outputs": list(_outputs(prompt)),
            "error": _error(prompt),
        }
    )


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "executor_id": attempt.executor_id,
        "started_at": moment(attempt.started_at),
        "ended_at": moment(attempt.ended_at),
        "outcome": attempt.outcome,
        "worker_lost": attempt.worker_lost,
        "device": attempt.device or (attempt.record.device if attempt.record else None),
        "ran_on": _ran_on(attempt.record) if attempt.record else None,
    }


def _ran_on(record: RunRecord) -> dict[str, Any]:
    models = (
        {
            "folder": model.folder,
            "name": model.name,
            "size": model.size,
            "modified_at": moment(model.modified_at),
            "blake3": model.blake3 or None,
        }
        for model in record.models
    )
    return {
        "silverprint": record.version,
        "python": record.python_version,
        "torch": record.torch_version,
        "packs": [{"name": pack.name, "version": pack.version or None} for pack in record.packs],
        "models": list(models),
    }


def _outputs(prompt: Prompt) -> Iterator[dict[str, Any]]:
    """The files that the prompt shows, with size and digest where the worker told them."""
    record = prompt.attempts[-1].record if prompt.attempts else None
    told = {(file.kind, file.subfolder, file.filename): file for file in record.files} if record else {}
    for output in output_files(prompt):
        file: SavedFile | None = told.get((output.kind, output.subfolder, output.filename))
        known = {"size": file.size, "blake3": file.blake3} if file else {"size": None, "blake3": None}
        yield msgspec.to_builtins(output) | known


def _error(prompt: Prompt) -> dict[str, Any] | None:
    failed = failure(prompt)
    if failed is None:
        return None
    return {
        "node_id": failed.node_id,
        "node_type": failed.node_type,
        "type": failed.exception_type,
        "message": failed.exception_message,
        "traceback": failed.traceback,
    }


def _seeds(graph: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The inputs that seed something: numbers, or links to the node that the number comes from."""
    for node_id, node in graph.items():
        for name, value in node.get("inputs", {}).items():
            if _SEED.search(name):
                yield {"node_id": node_id, "class_type": node.get("class_type"), "input": name, "value": value}


def _secrets(value: Any) -> Iterator[str]:
    """Texts that are members with the name of a credential, at any depth."""
    if isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, str) and member and is_credential(name):
                yield member
            else:
                yield from _secrets(member)
    elif isinstance(value, list):
        for member in value:
            yield from _secrets(member)


def _concealed(given: bytes, parsed: Any, secrets: set[str]) -> Any:
    """What was given, byte for byte if there is nothing to conceal."""
    if not secrets:
        return msgspec.Raw(given)
    return msgspec.Raw(json.dumps(_without(parsed, secrets), ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _without(value: Any, secrets: set[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            if value == secret or len(secret) >= _SHORTEST:
                value = value.replace(secret, CONCEALED)
        return value
    if isinstance(value, list):
        return [_without(member, secrets) for member in value]
    if isinstance(value, dict):
        return {name: _without(member, secrets) for name, member in value.items()}
    return value
