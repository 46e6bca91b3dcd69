"""The files of the web UI are answered as ComfyUI was recorded to answer them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.gateway.web_ui.folders import INSTALLED
from tests.differences import STATIC_FILES, ours
from tests.gateway.stack import Gateway, gateway
from tests.gateway.web_ui.site import install
from tests.recorded_static import CASES, outcome, recorded_outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLDERS = {"templates": "comfyui_workflow_templates_json", "docs": "comfyui_embedded_docs"}

#: Header of a condition → that of the answer that it is about.
VALIDATORS = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}


def place(site: Path, path: str) -> Path:
    """Where the file at a path comes from."""
    folder = FOLDERS.get(path.split("/")[1], "comfyui_frontend_package/static")
    return site / folder / path.removeprefix("/")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway that has a file for each that was there."""
    site = tmp_path_factory.mktemp("site")
    install(site)
    for case in CASES:
        if case["answer"]["status"] == 200 and case["path"] != "/":
            place(site, case["path"]).write_text("a file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        async with gateway(front_end=INSTALLED) as running:
            yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["label"])
async def test_a_file_is_answered_as_recorded(served: Gateway, case: dict[str, Any]) -> None:
    headers = {}
    if condition := case.get("condition"):
        headers[condition] = (await served.http.get(case["path"])).headers[VALIDATORS[condition]]
    answer = await served.http.get(case["path"], headers=headers)
    assert outcome(answer) == ours(case["label"], recorded_outcome(case), STATIC_FILES)
    if answer.status_code != 200:
        assert answer.content == b""
