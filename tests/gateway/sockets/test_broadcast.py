"""What is told to everybody, and how often."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.sockets import broadcast
from services.gateway.sockets.hub import Hub
from services.graph.events import (
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodePreview,
    NodeProgress,
)
from services.queue.records import Submitted
from tests.gateway.sockets.receiving import sent
from tests.gateway.sockets.test_hub import ONE, Prompt, joined, kinds


async def test_what_is_rare_is_told_at_once() -> None:
    hub = Hub()
    own, other = joined(hub, "me"), joined(hub, "other")
    Prompt(hub)(Submitted(), ExecutionStarted(), ExecutionSucceeded())
    assert kinds(await sent(own)).count("status") == kinds(await sent(other)).count("status") == 3


async def test_a_flood_is_told_to_its_client_as_it_comes_and_to_others_as_its_latest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broadcast, "BURST", 25.0)
    monkeypatch.setattr(broadcast, "RATE", 10.0)
    hub = Hub()
    own, others = joined(hub, "me"), [joined(hub, f"other {number}") for number in range(9)]
    for number in range(20):
        Prompt(hub, prompt_id=f"p{number}")(Submitted())
    Prompt(hub, prompt_id="last")(Submitted(), ExecutionStarted(), ExecutionSucceeded())
    assert kinds(await sent(own)).count("status") == 23
    for other in others:
        assert kinds(await sent(other)).count("status") == 1 + 3
    await asyncio.sleep(1.0)  # the loop does what was due before first
    for other in others:
        (latest,) = await sent(other)
        assert isinstance(latest, dict)
        assert latest["data"]["status"]["exec_info"]["queue_remaining"] == 0
    assert await sent(own) == []


async def test_progress_of_nobodys_prompt_is_told_to_many_as_its_latest_and_its_interruption_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broadcast, "BURST", 1.0)
    monkeypatch.setattr(broadcast, "RATE", 0.001)
    hub = Hub()
    plain, negotiated = joined(hub, "plain"), joined(hub, "negotiated", metadata=True)
    await sent(plain), await sent(negotiated)
    prompt = Prompt(hub, client_id="")
    prompt(Submitted(), ExecutionStarted())
    for step in range(20):
        prompt(NodeProgress(ONE, step, 20.0), NodePreview(ONE, "image/jpeg", b"%d" % step, provisional=True))
    assert kinds(await sent(plain)) == kinds(await sent(negotiated)) == ["status"]
    prompt(ExecutionInterrupted("1", "KSampler", ()))
    assert kinds(await sent(plain)) == ["progress_state", "progress", "execution_interrupted"]
    *_, picture, end = await sent(negotiated)
    assert isinstance(picture, bytes)
    assert picture.endswith(b"19")
    assert isinstance(end, dict)
    assert end["type"] == "execution_interrupted"
