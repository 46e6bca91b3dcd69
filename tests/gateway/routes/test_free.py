"""`/free` over HTTP."""

from __future__ import annotations

import pytest

from tests.gateway.stack import gateway


@pytest.mark.parametrize("path", ["/free", "/api/free"])
@pytest.mark.parametrize("body", [b"{}", b'{"unload_models": true, "free_memory": true}'])
async def test_it_is_answered_with_nothing(path: str, body: bytes) -> None:
    async with gateway() as running:
        answer = await running.http.post(path, content=body)
        assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(("body", "named"), [(b"", "JSON"), (b"[]", "object"), (b'{"free_memory": 3}', "free_memory")])
async def test_what_makes_no_sense_is_refused(body: bytes, named: str) -> None:
    async with gateway() as running:
        answer = await running.http.post("/free", content=body)
        assert answer.status_code == 400
        assert named in answer.json()["error"]["message"]
