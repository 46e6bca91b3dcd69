"""How often everybody is told how many prompts there are."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.sockets import pacing
from services.gateway.sockets.hub import Hub
from services.graph.events import ExecutionStarted, ExecutionSucceeded
from services.queue.records import Submitted
from tests.gateway.sockets.receiving import sent
from tests.gateway.sockets.test_hub import Prompt, joined, kinds


async def test_what_is_rare_is_told_at_once() -> None:
    hub = Hub()
    own, other = joined(hub, "me"), joined(hub, "other")
    Prompt(hub)(Submitted(), ExecutionStarted(), ExecutionSucceeded())
    assert kinds(await sent(own)).count("status") == kinds(await sent(other)).count("status") == 3


async def test_a_flood_is_told_to_its_client_as_it_comes_and_to_others_as_its_latest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pacing, "BURST", 25.0)
    monkeypatch.setattr(pacing, "RATE", 10.0)
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
