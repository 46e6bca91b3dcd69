"""`/settings` over HTTP, beyond what was recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from services.gateway.service import Settings, serving
from tests.gateway.over_files import gateways


def stored(folder: Path) -> Path:
    return folder / "data/user/default/comfy.settings.json"


async def test_settings_lie_in_a_file_that_people_can_read_and_change(tmp_path: Path) -> None:
    async with gateways(tmp_path) as [client]:
        await client.post("/api/settings/Comfy.Theme", content=b'{"dark":true}')
        assert stored(tmp_path).read_text() == '{\n    "Comfy.Theme": {\n        "dark": true\n    }\n}'
        stored(tmp_path).write_text('{"by": "hand"}')
        assert (await client.get("/settings")).json() == {"by": "hand"}


async def test_what_two_gateways_set_at_once_is_all_kept(tmp_path: Path) -> None:
    async with gateways(tmp_path, 2) as clients:
        await asyncio.gather(
            *(clients[number % 2].post(f"/settings/{number}", content=str(number).encode()) for number in range(40)),
            *(clients[number % 2].post("/settings", json={f"m{number}": number}) for number in range(20)),
        )
        one, other = [(await client.get("/settings")).json() for client in clients]
    assert one == other == {str(n): n for n in range(40)} | {f"m{n}": n for n in range(20)}


@pytest.mark.parametrize(
    "value", [b"12345678901234567890123", b"1e400", '"\\u00e9 \u00e9"'.encode(), b'{"a": [null, true, 0.1]}']
)
async def test_a_value_comes_back_as_it_was_set(tmp_path: Path, value: bytes) -> None:
    async with gateways(tmp_path) as [client]:
        assert (await client.post("/settings/a", content=value)).status_code == 200
        answer = await client.get("/settings/a")
    assert json.loads(answer.content) == json.loads(value)


@pytest.mark.parametrize("value", [b"NaN", b"", b"{", b"\xff", b'"\\ud800"', b"[" * 100_000])
async def test_what_no_browser_could_read_back_is_not_set(tmp_path: Path, value: bytes) -> None:
    async with gateways(tmp_path) as [client]:
        for answer in (
            await client.post("/settings/a", content=value),
            await client.post("/settings", content=b'{"a": ' + value + b"}"),
        ):
            assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_json")
        assert not stored(tmp_path).exists()


async def test_a_value_is_one_value(tmp_path: Path) -> None:
    async with gateways(tmp_path) as [client]:
        assert (await client.post("/settings/a", content=b'1,"b":2')).status_code == 400
        assert (await client.get("/settings")).json() == {}


async def test_a_file_of_settings_that_holds_something_else_is_named_and_left_alone(tmp_path: Path) -> None:
    async with gateways(tmp_path) as [client]:
        await client.post("/userdata/comfy.settings.json", content=b"not JSON")
        for answer in (await client.get("/settings"), await client.post("/settings/a", content=b"1")):
            assert answer.status_code == 409
            assert "comfy.settings.json is not JSON" in answer.json()["error"]["message"]
    assert stored(tmp_path).read_bytes() == b"not JSON"


async def test_settings_do_not_grow_without_end(tmp_path: Path) -> None:
    value = b'"' + b"x" * 1_000_000 + b'"'
    async with gateways(tmp_path) as [client]:
        answers = [await client.post(f"/settings/{number}", content=value) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 413]


async def test_an_id_may_hold_a_slash(tmp_path: Path) -> None:
    async with gateways(tmp_path) as [client]:
        await client.post("/settings/a%2Fb", content=b"1")
        assert (await client.get("/settings")).json() == {"a/b": 1}


async def test_settings_cannot_be_reached_without_the_file_service() -> None:
    async with (
        serving(Settings(port=0, queue="127.0.0.1:1", files="127.0.0.1:1")) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client,
    ):
        assert (await client.get("/settings")).status_code == 503
