"""An SVG is a page when it is visited, and a picture only inside of one (CVE-2026-56670)."""

from __future__ import annotations

import pytest

from tests.gateway.stack import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize("destination", [None, "document", "iframe", "embed", "object", "empty"])
@pytest.mark.parametrize("filename", ["x.svg", "x.SVG"])
async def test_an_svg_that_is_visited_is_a_download(shared: Gateway, filename: str, destination: str | None) -> None:
    await shared.store(filename, SVG)
    headers = {"Sec-Fetch-Dest": destination} if destination else {}
    answer = await shared.http.get(f"/view?filename={filename}", headers=headers)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "Sec-Fetch-Dest" in answer.headers["vary"]


async def test_an_svg_inside_a_page_is_a_picture_that_is_not_kept(shared: Gateway) -> None:
    await shared.store("x.svg", SVG)
    answer = await shared.http.get("/view?filename=x.svg", headers={"Sec-Fetch-Dest": "image"})
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-store"
    assert "Sec-Fetch-Dest" in answer.headers["vary"]
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("query", ["preview=webp", "channel=rgb"])
async def test_an_svg_is_not_converted(shared: Gateway, query: str) -> None:
    await shared.store("x.svg", SVG)
    assert (await shared.http.get(f"/view?filename=x.svg&{query}")).status_code == 400
