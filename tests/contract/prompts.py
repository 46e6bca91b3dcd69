"""Prompts to give to stores."""

from __future__ import annotations

from services.queue.stores.base import NewPrompt


def new(prompt_id: str, number: float = 0, *, counted: int | None = None) -> NewPrompt:
    """A prompt that passed validation."""
    return NewPrompt(
        prompt_id=prompt_id,
        client_id="client",
        number=number,
        counted=counted,
        graph_json=b'{"1": {}}',
        extra_data_json=b"{}",
        output_node_ids=("1",),
        node_errors_json=b"{}",
        content_digest=prompt_id.encode(),
        submitted_at=1.5,
    )
