"""Every recorded upload, view, and request for a page from elsewhere, in the order in which they were made."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from services.files.records import FileKind
from tests.differences import FILES, ours
from tests.gateway.stack import Gateway, gateway
from tests.recorded_files import (
    MASKED,
    ORIGINS,
    SHOWN,
    UPLOADS,
    VIEWS,
    Case,
    recorded_outcome,
    upload_outcome,
    upload_request,
    view_outcome,
)
from tests.recordings import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")


def named(case: Case) -> str:
    return str(case["label"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def showing() -> AsyncIterator[Gateway]:
    """A gateway with the files that were shown."""
    async with gateway() as running:
        for path, content in SHOWN.items():
            kind, _, name = path.partition("/")
            subfolder, _, filename = name.rpartition("/")
            await running.store(filename, content, FileKind(kind), subfolder)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uploads() -> AsyncIterator[tuple[Gateway, dict[str, Outcome]]]:
    """A gateway, and what it answered to all uploads."""
    async with gateway() as running:
        found = {}
        for case in UPLOADS:
            answer = await running.http.post(case["path"], **upload_request(case))
            found[named(case)] = upload_outcome(answer)
        yield running, found


@pytest.mark.parametrize("case", VIEWS, ids=named)
async def test_a_view_is_answered_as_recorded(showing: Gateway, case: Case) -> None:
    answer = await showing.http.send(await request(showing, case))
    assert view_outcome(case, answer) == ours(named(case), recorded_outcome(case), FILES)


@pytest.mark.parametrize("case", UPLOADS, ids=named)
async def test_an_upload_is_answered_as_recorded(uploads: tuple[Gateway, dict[str, Outcome]], case: Case) -> None:
    _, answers = uploads
    assert answers[named(case)] == ours(named(case), recorded_outcome(case), FILES)


async def test_a_mask_becomes_what_was_recorded(uploads: tuple[Gateway, dict[str, Outcome]]) -> None:
    running, _ = uploads
    stored = await running.http.get("/view?filename=clipspace-mask-1.png&subfolder=clipspace&type=input")
    picture: Any = Image.open(io.BytesIO(stored.content))
    facts = {"mode": picture.mode, "size": list(picture.size), "pixel00": list(picture.getpixel((0, 0)))}
    assert facts | {"text": picture.text} == MASKED


@pytest.mark.parametrize("case", ORIGINS, ids=named)
async def test_a_page_is_welcome_as_recorded(shared: Gateway, case: Case) -> None:
    answer = await shared.http.send(await request(shared, case))
    assert {"status": answer.status_code} == ours(named(case), recorded_outcome(case), FILES)


async def request(running: Gateway, case: Case) -> httpx.Request:
    """A recorded request, with what we say ourselves where it has what ComfyUI had said before."""
    headers = dict(case.get("headers", {}))
    if {"<etag>", "<modified>"} & set(headers.values()):
        said = (await running.http.head(case["path"])).headers
        meant = {"<etag>": said["etag"], "<modified>": said["last-modified"]}
        headers = {name: meant.get(value, value) for name, value in headers.items()}
    asked = running.http.build_request(case["method"], "/", headers=headers, content=case.get("text", "").encode())
    # As it was sent: a URL would be normalised, and cannot be that of everything.
    if case["path"] == "*":
        asked.extensions["target"] = b"*"
    else:
        asked.url = asked.url.copy_with(raw_path=case["path"].encode())
    return asked
