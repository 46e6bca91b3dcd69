"""A short storm, always the same one; `make chaos` has longer ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.faults import KINDS
from tests.chaos.storm import Load, Storm
from tests.chaos.system import Size, running

SEED = 20


@pytest.mark.timeout(400)
async def test_nothing_is_lost_while_everything_breaks(tmp_path: Path) -> None:
    async with running(tmp_path / "system", Size()) as system:
        storm = Storm(system, Load(clients=6, prompts=60), SEED, print)
        problems = await storm.run(everywhere=False)
    for line in storm.report():
        print(line)  # noqa: T201
    assert not problems
    assert {kind.__name__.lower() for kind in KINDS if kind.targets(system)} == {
        recovery.fault.split()[0] for recovery in storm.recoveries
    }
