"""`/object_info` over HTTP."""

from __future__ import annotations

import json

import pytest

from tests.gateway.stack import CLASSES, Gateway, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLISHED = json.loads(CLASSES)


def served(name: str) -> dict[str, object]:
    return {key: value for key, value in PUBLISHED[name].items() if key not in ("validation", "changes")}


@pytest.mark.parametrize("path", ["/object_info", "/api/object_info"])
async def test_all_classes_are_told_without_what_is_internal(shared: Gateway, path: str) -> None:
    assert any("validation" in definition for definition in PUBLISHED.values())
    answer = await shared.http.get(path)
    assert answer.json() == {name: served(name) for name in PUBLISHED}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_one_class_is_told_under_its_name(shared: Gateway) -> None:
    assert (await shared.http.get("/object_info/ProbeValidate")).json() == {"ProbeValidate": served("ProbeValidate")}


@pytest.mark.parametrize("name", ["Nope", "a/b", "%C3%A4"])
async def test_an_unknown_class_is_an_empty_object(shared: Gateway, name: str) -> None:
    answer = await shared.http.get(f"/object_info/{name}")
    assert (answer.status_code, answer.json()) == (200, {})


async def test_clients_that_decode_gzip_are_sent_less(shared: Gateway) -> None:
    zipped = await shared.http.get("/object_info", headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["vary"] == "Accept-Encoding"
    plain = await shared.http.get("/object_info", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert int(zipped.headers["content-length"]) < len(plain.content)
    assert zipped.content == plain.content
    refused = await shared.http.get("/object_info", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_an_unchanged_catalogue_is_not_sent_again(shared: Gateway, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    etag = (await shared.http.get("/object_info", headers=headers)).headers["etag"]
    again = await shared.http.get("/object_info", headers={**headers, "If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)


@pytest.mark.asyncio(loop_scope="function")
async def test_before_any_executor_was_there_nothing_is_known() -> None:
    async with gateway(executor=False) as alone:
        assert (await alone.http.get("/object_info")).status_code == 503
