"""What node packs have for browsers, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.files.records import FileKind
from services.gateway.momentary import FRESH
from services.queue.packs import NodePack, PackReport
from tests.gateway.stack import Gateway, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = b"// a script\n"


async def filled(running: Gateway) -> None:
    for name, subfolder in (("a b.js", "mine"), ("deep.js", "mine/lib"), ("x.css", "mine"), ("gone.js", "gone")):
        await running.store(name, SCRIPT, FileKind.EXTENSIONS, subfolder)
    await running.store("picture.png", b"png", FileKind.EXTENSIONS, "mine")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Gateway]:
    """A gateway to an executor with one of two packs that have scripts."""
    async with gateway() as running:
        await filled(running)
        running.executor.say(PackReport((NodePack("my-pack", 3),), extensions=("mine",)))
        await asyncio.sleep(2 * FRESH)
        yield running


async def test_the_scripts_of_packs_that_are_loaded_are_listed(scripted: Gateway) -> None:
    scripts = (await scripted.http.get("/api/extensions")).json()
    assert scripts == ["/extensions/mine/a%20b.js", "/extensions/mine/lib/deep.js"]
    for script in scripts:
        assert (await scripted.http.get(script)).content == SCRIPT


@pytest.mark.asyncio(loop_scope="function")
async def test_while_no_executor_is_there_all_scripts_are() -> None:
    async with gateway(executor=False) as alone:
        await filled(alone)
        assert "/extensions/gone/gone.js" in (await alone.http.get("/extensions")).json()


@pytest.mark.parametrize(
    ("path", "content_type", "caching"),
    [
        ("mine/lib/deep.js", "text/javascript", "no-cache"),
        ("mine/x.css", "text/css", "no-cache"),
        ("mine/picture.png", "image/png", "public, max-age=86400"),
    ],
)
async def test_a_file_is_what_it_is(scripted: Gateway, path: str, content_type: str, caching: str) -> None:
    answer = await scripted.http.get(f"/extensions/{path}")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (content_type, caching)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_unchanged_script_is_not_sent_again(scripted: Gateway) -> None:
    first = await scripted.http.get("/extensions/mine/lib/deep.js")
    again = await scripted.http.get("/extensions/mine/lib/deep.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["mine/nothing.js", "nobody/x.js", "%2e%2e/input/x.js", "..%2f..%2fetc/passwd", "%00"])
async def test_what_is_not_there_is_not_found(scripted: Gateway, path: str) -> None:
    answer = await scripted.http.get(f"/extensions/{path}")
    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["content-type"] == "application/octet-stream"
