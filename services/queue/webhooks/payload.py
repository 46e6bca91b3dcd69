"""The document that a receiver is sent; docs/webhooks.md describes it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from services.queue.moments import moment
from services.queue.records import Prompt
from services.queue.results import failure, output_files
from services.queue.webhooks.records import Deliveries, Delivery

#: Files that are named in one document; of a prompt with more, the first ones.
MAX_OUTPUTS = 1000

#: Characters of an error's message.
MAX_MESSAGE = 4000

#: The member of `extra_data` that comes back as it was.
METADATA = "metadata"


def deliveries_of(prompt: Prompt, urls: Iterable[str]) -> Deliveries:
    """What is to be sent about a prompt that has just ended, one message for each URL."""
    payload = json.dumps(document(prompt), separators=(",", ":")).encode()
    created_at = prompt.finished_at or prompt.submitted_at
    return [
        Delivery(
            delivery_id=f"msg_{uuid.uuid4().hex}",
            prompt_id=prompt.prompt_id,
            url=url,
            event_type=_event_type(prompt),
            payload=payload,
            created_at=created_at,
            next_attempt_at=created_at,
        )
        for url in urls
    ]


def document(prompt: Prompt) -> dict[str, Any]:
    """A finished prompt for a receiver."""
    outputs = output_files(prompt)
    return {
        "type": _event_type(prompt),
        "timestamp": moment(prompt.finished_at),
        "data": {
            "prompt_id": prompt.prompt_id,
            "state": prompt.state.value,
            "client_id": prompt.client_id,
            "user_id": prompt.user_id,
            "workflow_id": prompt.workflow_id,
            "submitted_at": moment(prompt.submitted_at),
            "started_at": moment(prompt.started_at),
            "finished_at": moment(prompt.finished_at),
            "attempts": len(prompt.attempts),
            "outputs": msgspec.to_builtins(outputs[:MAX_OUTPUTS]),
            "outputs_total": len(outputs),
            "error": _error(prompt),
            "metadata": _metadata(prompt),
        },
    }


def _error(prompt: Prompt) -> dict[str, str] | None:
    """Why a prompt failed, without the traceback."""
    failed = failure(prompt)
    if failed is None:
        return None
    return {
        "node_id": failed.node_id,
        "node_type": failed.node_type,
        "type": failed.exception_type,
        "message": failed.exception_message.strip()[:MAX_MESSAGE],
    }


def _event_type(prompt: Prompt) -> str:
    return f"prompt.{prompt.state.value}"


def _metadata(prompt: Prompt) -> Any:
    """What the submission had for the receiver; NaN and infinities, which JSON does not know, are null."""
    try:
        return json.loads(prompt.extra_data_json, parse_constant=lambda name: None).get(METADATA)
    except (ValueError, RecursionError):
        return None
