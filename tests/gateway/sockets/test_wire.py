"""Messages as they go out, read by another implementation."""

from __future__ import annotations

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from services.gateway.sockets.wire import packed


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_messages_of_any_length_come_out_as_they_went_in(length: int) -> None:
    payloads: list[str | bytes] = ["x" * length, bytes(length), "é" * (length // 2), b"\xff" * length]
    client = ClientProtocol(parse_uri("ws://here/"), state=State.OPEN, max_size=None)
    client.receive_data(packed(payloads))
    frames = [frame for frame in client.events_received() if isinstance(frame, Frame)]
    assert all(frame.fin for frame in frames)
    told = [bytes(frame.data).decode() if frame.opcode == 1 else bytes(frame.data) for frame in frames]
    assert told == payloads
