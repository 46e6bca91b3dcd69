"""What the platform or a pack keeps for itself cannot be reached as a file of a user (S6)."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.gateway.over_files import gateways

SECRET = "__manager/config.ini"
WAYS = [
    "__manager%2Fconfig.ini",
    "__manager%252Fconfig.ini",
    "a%2F..%2F__manager%2Fconfig.ini",
    "..%2F__manager%2Fconfig.ini",
    "..%2Fusers.json",
    "..%2F..%2Fqueue.sqlite3",
]


async def tried(client: httpx.AsyncClient, way: str) -> list[int]:
    await client.post("/userdata/mine.txt", content=b"x")
    answers = [
        await client.get(f"/userdata/{way}"),
        await client.post(f"/userdata/{way}", content=b"evil"),
        await client.delete(f"/userdata/{way}"),
        await client.post(f"/userdata/{way}/move/mine.txt"),
        await client.post(f"/userdata/mine.txt/move/{way}"),
    ]
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("way", WAYS)
async def test_no_way_leads_to_folders_of_the_platform(tmp_path: Path, way: str) -> None:
    files = [
        tmp_path / "data/user/default" / SECRET,
        tmp_path / "data/user" / SECRET,
        tmp_path / "data/user/users.json",
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"{}")
    async with gateways(tmp_path) as [client]:
        assert await tried(client, way) == [403] * 5
    assert [file.read_bytes() for file in files] == [b"{}"] * 3


async def test_no_list_tells_of_them(tmp_path: Path) -> None:
    file = tmp_path / "data/user/default" / SECRET
    file.parent.mkdir(parents=True)
    file.write_bytes(b"{}")
    async with gateways(tmp_path) as [client]:
        assert (await client.get("/userdata?dir=.&recurse=true")).json() == []
        assert (await client.get("/v2/userdata")).json() == []
        assert (await client.get("/userdata?dir=__manager")).status_code == 403
        assert (await client.get("/v2/userdata?path=__manager")).status_code == 400
