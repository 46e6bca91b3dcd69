"""Recorded sessions of ComfyUI clients: the same events must lead to the same frames."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.gateway.sockets.hub import Hub
from tests.gateway.sockets.receiving import sent
from tests.gateway.sockets.transcripts import Frame, Retelling, frames


def comparable(frame: Frame) -> Any:
    """Without what differs on purpose: ComfyUI lists nodes that never ran as `current_outputs`."""
    if isinstance(frame, bytes):
        split = 8 + int.from_bytes(frame[4:8], "big")
        return (frame[:4], json.loads(frame[8:split]), frame[split:]) if frame[3] == 4 else frame
    return {**frame, "data": {key: value for key, value in frame["data"].items() if key != "current_outputs"}}


@pytest.mark.parametrize(
    ("name", "client", "metadata"),
    [
        ("success_and_cached_rerun", "submitter", False),
        ("error", "submitter", False),
        ("async_error", "submitter", False),
        ("interrupted", "submitter", False),
        ("expansion", "submitter", False),
        ("lazy", "submitter", False),
        ("execution_blocker_message", "submitter", False),
        ("execution_blocker_silent", "submitter", False),
        ("two_clients", "A", False),
        ("two_clients", "B", False),
        ("preview_jpeg_noflags", "submitter", False),
        ("preview_jpeg_flags", "submitter", True),
        ("preview_png_flags", "submitter", True),
    ],
)
async def test_a_submitter_receives_what_was_recorded(name: str, client: str, metadata: bool) -> None:
    recorded = [frame for frame in frames(name, client) if not is_greeting(frame)]
    hub = Hub()
    socket = hub.socket("submitter")
    hub.join(socket, 0)
    socket.metadata = metadata
    (_greeting,) = await sent(socket)
    received: list[Frame] = []
    for batch in Retelling(recorded, "submitter").batches():
        hub.publish(batch)
        received += await sent(socket)
    assert list(map(comparable, received)) == list(map(comparable, recorded))


@pytest.mark.parametrize(
    ("name", "client", "metadata"),
    [
        ("no_client_id", "observer", False),
        ("preview_no_client_id", "plain", False),
        ("preview_no_client_id", "flags", True),
    ],
)
async def test_everybody_receives_the_progress_of_a_prompt_without_a_client(
    name: str, client: str, metadata: bool
) -> None:
    recorded = [frame for frame in frames(name, client) if not is_greeting(frame)]
    hub = Hub()
    socket = hub.socket("observer")
    hub.join(socket, 0)
    socket.metadata = metadata
    await sent(socket)
    received: list[Frame] = []
    for batch in Retelling(recorded, "").batches():
        hub.publish(batch)
        received += await sent(socket)
    assert list(map(comparable, received)) == list(map(comparable, recorded))


@pytest.mark.parametrize("name", ["interrupted", "two_clients"])
async def test_others_receive_nothing_but_the_length_of_the_queue(name: str) -> None:
    submitter = "submitter" if name == "interrupted" else "A"
    recorded = [frame for frame in frames(name, submitter) if not is_greeting(frame)]
    hub = Hub()
    observer = hub.socket("observer")
    hub.join(observer, 0)
    for batch in Retelling(recorded, "submitter").batches():
        hub.publish(batch)
    received = await sent(observer)
    assert {frame["type"] for frame in received if isinstance(frame, dict)} == {"status"}


def is_greeting(frame: Frame) -> bool:
    """Whether it is told at the beginning of every session."""
    return isinstance(frame, dict) and (frame["type"] == "feature_flags" or "sid" in frame["data"])
