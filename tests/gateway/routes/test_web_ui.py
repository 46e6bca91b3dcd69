"""The files of the web UI, over HTTP."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.gateway.web_ui.folders import INSTALLED
from tests.gateway.stack import Gateway, gateway
from tests.gateway.web_ui.site import PAGE, PICTURE, SCRIPT, install

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOREVER, A_DAY, NEVER = "public, max-age=31536000, immutable", "public, max-age=86400", "no-cache"
HASHED = "/assets/index-BKeTeXLp.js"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway where the packages are installed."""
    site = tmp_path_factory.mktemp("site")
    install(site)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        async with gateway(front_end=INSTALLED) as running:
            yield running


@pytest.mark.parametrize(
    ("path", "content", "content_type", "caching"),
    [
        ("/", PAGE, "text/html", NEVER),
        ("/index.html", PAGE, "text/html", NEVER),
        (HASHED, SCRIPT, "text/javascript", FOREVER),
        ("/scripts/app.js", SCRIPT, "text/javascript", NEVER),
        ("/extensions/core/clipspace.js", SCRIPT, "text/javascript", NEVER),
        ("/assets/images/logo.png", PICTURE, "image/png", A_DAY),
        ("/fonts/inter.woff2", PICTURE, "font/woff2", NEVER),
        ("/templates/index.json", b"[]", "application/json", NEVER),
        ("/templates/default-1.webp", PICTURE, "image/webp", A_DAY),
        ("/docs/KSampler/en.md", b"# KSampler\n", "text/markdown; charset=utf-8", NEVER),
    ],
)
async def test_a_file_is_what_it_is(
    served: Gateway, path: str, content: bytes, content_type: str, caching: str
) -> None:
    answer = await served.http.get(path)
    assert (answer.status_code, answer.content) == (200, content)
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (content_type, caching)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_is_never_kept(served: Gateway) -> None:
    answer = await served.http.get("/")
    assert (answer.headers["pragma"], answer.headers["expires"]) == ("no-cache", "0")


async def test_the_status_page_has_an_address_of_its_own(served: Gateway) -> None:
    assert "Silverprint" in (await served.http.get("/status")).text


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("path", ["/", HASHED, "/assets/images/logo.png"])
async def test_what_is_unchanged_is_not_sent_again(served: Gateway, path: str, encoding: str) -> None:
    accepted = {"Accept-Encoding": encoding}
    first = await served.http.get(path, headers=accepted)
    for condition in (
        {"If-None-Match": first.headers["etag"]},
        {"If-Modified-Since": first.headers["last-modified"]},
    ):
        again = await served.http.get(path, headers=accepted | condition)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == first.headers["cache-control"]
    assert (await served.http.get(path, headers=accepted | {"If-None-Match": '"other"'})).status_code == 200


async def test_text_is_sent_compressed_to_those_who_read_that(served: Gateway) -> None:
    zipped = await served.http.get(HASHED, headers={"Accept-Encoding": "gzip"})
    plain = await served.http.get(HASHED, headers={"Accept-Encoding": "identity"})
    assert (zipped.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert int(zipped.headers["content-length"]) == len(gzip.compress(SCRIPT, 6)) < int(plain.headers["content-length"])
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert zipped.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    picture = await served.http.get("/assets/images/logo.png", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in picture.headers


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("path", ["/", HASHED, "/templates/default-1.webp"])
async def test_head_says_what_get_would(served: Gateway, path: str, encoding: str) -> None:
    head, got = [await ask(path, headers={"Accept-Encoding": encoding}) for ask in (served.http.head, served.http.get)]
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "cache-control"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=0-3", 0, 4), ("bytes=2000-", 2000, 2052), ("bytes=-4", 2048, 2052)]
)
async def test_a_part_can_be_asked_for(served: Gateway, asked: str, start: int, end: int) -> None:
    answer = await served.http.get("/assets/images/logo.png", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, PICTURE[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(PICTURE)}"


async def test_a_part_beyond_the_end_is_refused_with_the_length(served: Gateway) -> None:
    answer = await served.http.get(HASHED, headers={"Range": "bytes=99999-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(SCRIPT)}")


async def test_a_part_of_a_script_is_a_part_of_what_it_is_uncompressed(served: Gateway) -> None:
    answer = await served.http.get(HASHED, headers={"Range": "bytes=7-11", "Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.content) == (206, SCRIPT[7:12])


async def test_the_scripts_of_the_web_ui_are_listed_among_the_extensions(served: Gateway) -> None:
    assert (await served.http.get("/api/extensions")).json() == ["/extensions/core/clipspace.js"]


async def test_the_versions_of_what_is_installed_are_told(served: Gateway) -> None:
    system = (await served.http.get("/system_stats")).json()["system"]
    assert system["comfyui_frontend_version"] == "1.58.1"
    assert system["installed_templates_version"] == system["workflow_templates_version"] == "0.1.123"


async def test_files_can_only_be_read(served: Gateway) -> None:
    answer = await served.http.post("/scripts/app.js")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET,HEAD")


async def test_files_are_not_doubled_below_the_prefix(served: Gateway) -> None:
    assert (await served.http.get("/api/scripts/app.js")).status_code == 404


@pytest.mark.parametrize("path", ["/user.css", "/assets/", "/docs/", "/templates/none.json", "/favicon.ico"])
async def test_what_is_not_there_is_not_found(served: Gateway, path: str) -> None:
    answer = await served.http.get(path)
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.asyncio(loop_scope="function")
async def test_a_script_that_changes_is_served_as_it_is_now(tmp_path: Path) -> None:
    build = install(tmp_path)
    async with gateway(front_end=str(build)) as running:
        before = await running.http.get("/scripts/app.js")
        (build / "scripts" / "app.js").write_bytes(SCRIPT + b"// more\n")
        after = await running.http.get("/scripts/app.js", headers={"If-None-Match": before.headers["etag"]})
        assert (after.status_code, after.content) == (200, SCRIPT + b"// more\n")
