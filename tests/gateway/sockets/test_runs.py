"""What the gateway keeps of prompts, and for whom."""

from __future__ import annotations

import json

import pytest

from services.gateway.sockets import runs as limits
from services.gateway.sockets.hub import Hub
from services.gateway.sockets.runs import Runs
from services.graph.events import ExecutionEvent, ExecutionStarted, ExecutionSucceeded, NodeFinished, NodesCached
from services.queue.records import Event
from tests.gateway.sockets.receiving import sent
from tests.gateway.sockets.test_hub import ONE, Prompt, joined, kinds

LONG = json.dumps({"text": ["x" * 10_000]}).encode()
BODIES: tuple[ExecutionEvent, ...] = (
    ExecutionStarted(),
    NodesCached(("1",)),
    NodeFinished(ONE, LONG, False),
    ExecutionSucceeded(),
)


def told(runs: Runs, prompt_id: str, client_id: str = "me") -> None:
    for sequence, body in enumerate(BODIES, 1):
        event = Event(prompt_id=prompt_id, sequence=sequence, happened_at=1.0, client_id=client_id, body=body)
        runs.apply(runs.of(event), event)


def test_nothing_is_kept_of_what_was_delivered_or_is_nobodys() -> None:
    runs = Runs()
    told(runs, "delivered")
    runs.delivered("delivered", 3)
    (run,) = runs.of_client("me")
    assert [type(event.body) for event in run.untold] == [ExecutionSucceeded]
    runs.delivered("delivered", 4)
    told(runs, "nobody's", client_id="")
    assert [run.kept_bytes for run in (*runs.of_client("me"), *runs.of_client(""))] == [0, 0]


def test_what_was_forgotten_is_no_clients_any_more() -> None:
    runs = Runs()
    told(runs, "p")
    runs.forget("p")
    runs.forget("p")
    assert runs.of_client("me") == []


def test_where_much_waits_to_be_told_the_oldest_is_kept_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_KEPT_BYTES", 400_000)
    runs = Runs()
    for number in range(100):
        told(runs, f"p{number}")
        runs.clean()
    kept = runs.of_client("me")
    assert sum(run.kept_bytes for run in kept) < 400_000
    assert len(kept) == 100
    assert [len(run.untold) for run in kept[:50]] == [3] * 50
    assert len(kept[-1].untold) == 4


async def test_a_late_socket_is_told_the_end_of_what_was_kept_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_KEPT_BYTES", 100)
    hub = Hub()
    Prompt(hub)(*BODIES)
    frames = await sent(joined(hub))
    assert kinds(frames) == ["status", "execution_start", "execution_cached", "execution_success", "executing"]
