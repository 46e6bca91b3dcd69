"""Files of users are never shown as pages of this server (S3)."""

from __future__ import annotations

import pytest

from tests.gateway.stack import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = b"<script>alert(1)</script>"
NAMES = ["a.html", "a.HTM", "a.xhtml", "a.svg", "a.js", "a.mjs", "a.css", "a.xml", "a", "a.pdf", "a.shtml", "a.swf"]


@pytest.mark.parametrize("name", [*NAMES, "a.json", "a.txt", "a.png"])
async def test_a_file_is_handed_over_to_be_saved(shared: Gateway, name: str) -> None:
    await shared.http.post(f"/userdata/{name}", content=PAGE)
    answer = await shared.http.get(f"/userdata/{name}", headers={"Sec-Fetch-Dest": "image"})
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize("name", NAMES)
async def test_what_may_run_scripts_has_no_type(shared: Gateway, name: str) -> None:
    await shared.http.post(f"/userdata/{name}", content=PAGE)
    assert (await shared.http.get(f"/userdata/{name}")).headers["content-type"] == "application/octet-stream"


async def test_json_is_nothing_but_json(shared: Gateway) -> None:
    await shared.http.post("/userdata/a.json", content=PAGE)
    assert (await shared.http.get("/userdata/a.json")).headers["content-type"] == "application/json"
