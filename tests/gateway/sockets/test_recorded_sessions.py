"""Recorded sessions of ComfyUI clients: the same events must lead to the same frames."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.gateway.sockets.hub import Hub
from tests.differences import told_of_a_failure
from tests.gateway.sockets.receiving import sent
from tests.gateway.sockets.transcripts import Retelling
from tests.recordings import Frame, session


def frames(name: str, client: str) -> list[Frame]:
    """What one client of a recorded session is to receive, without the greeting of every session."""
    received: list[Frame] = session(name)["clients"][client]["frames"]
    return [as_we_say_it(frame) for frame in received if not is_greeting(frame)]


def is_greeting(frame: Frame) -> bool:
    return isinstance(frame, dict) and (frame["type"] == "feature_flags" or "sid" in frame["data"])


def as_we_say_it(frame: Frame) -> Frame:
    if isinstance(frame, dict) and frame["type"] == "execution_error":
        told_of_a_failure(frame["data"])
    return frame


def comparable(frame: Frame) -> Any:
    """Metadata of pictures may be written in more than one way."""
    if isinstance(frame, bytes) and frame[3] == 4:
        split = 8 + int.from_bytes(frame[4:8], "big")
        return frame[:4], json.loads(frame[8:split]), frame[split:]
    return frame


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
    recorded = frames(name, client)
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
    recorded = frames(name, client)
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
    recorded = frames(name, submitter)
    hub = Hub()
    observer = hub.socket("observer")
    hub.join(observer, 0)
    for batch in Retelling(recorded, "submitter").batches():
        hub.publish(batch)
    received = await sent(observer)
    assert {frame["type"] for frame in received if isinstance(frame, dict)} == {"status"}
