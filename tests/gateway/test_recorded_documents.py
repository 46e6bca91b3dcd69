"""Every recorded request for a document of users or about models, in the order in which they were asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.differences import DOCUMENTS, ours
from tests.gateway import model_files
from tests.gateway.over_files import gateways
from tests.recorded_answers import Case, outcomes, recorded, recorded_outcome
from tests.recordings import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: How the servers that were asked had been started.
SERVERS: dict[str, dict[str, Any]] = {
    "one user": {},
    "a later version": {},
    "several users": {"multi_user": True, "max_upload_mb": 1},
    "models": {},
}
CASES = recorded("userdata") | recorded("models")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, dict[str, Outcome]]]:
    """What we answer, by server and label."""
    found = {}
    for server, settings in SERVERS.items():
        folder: Path = tmp_path_factory.mktemp("files")
        model_files.store(folder / "models", model_files.FILES)
        async with gateways(folder, **settings) as [client]:
            found[server] = await outcomes(client, CASES[server])
    yield found


@pytest.mark.parametrize(
    ("server", "case"), [pytest.param(name, it, id=f"{name}: {it['label']}") for name in SERVERS for it in CASES[name]]
)
async def test_a_request_is_answered_as_recorded(
    server: str, case: Case, answers: dict[str, dict[str, Outcome]]
) -> None:
    label = case["label"]
    assert answers[server][label] == ours(label, recorded_outcome(case), DOCUMENTS)
