"""Every recorded session of clients with the WebSocket, performed again with the running stack."""

from __future__ import annotations

import pytest

from tests import differences
from tests.e2e.stack import Stack
from tests.recordings import SESSIONS, Outcome, comparable, session, session_outcome, written
from tests.replay.performance import Performance
from tests.replay.scripts import SCRIPTS, one_after_another
from tests.replay.timing import TIMING


@pytest.mark.parametrize("name", SESSIONS)
async def test_clients_are_answered_and_told_as_recorded(stack: Stack, name: str) -> None:
    expected = differences.ours(name, comparable(session_outcome(session(name))), differences.SESSIONS)
    async with Performance(stack, name) as performance:
        await SCRIPTS.get(name, one_after_another)(performance)
        outcome = comparable(await performance.outcome(expected))
    outcome, expected = timeless(name, outcome), timeless(name, expected)
    assert outcome == expected
    assert written(outcome) == written(expected)


def timeless(name: str, outcome: Outcome) -> Outcome:
    """Without what depends on how fast the host is."""
    if name not in TIMING:
        return outcome
    return {**outcome, "frames": {client: TIMING[name](frames) for client, frames in outcome["frames"].items()}}
