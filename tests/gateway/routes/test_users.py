"""Several users over HTTP, beyond what was recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from tests.gateway.over_files import gateways


async def made(client: httpx.AsyncClient, name: str) -> dict[str, str]:
    """A new user's header."""
    answer = await client.post("/users", json={"username": name})
    assert answer.status_code == 200, answer.text
    return {"comfy-user": answer.json()}


async def test_users_have_files_and_settings_of_their_own(tmp_path: Path) -> None:
    async with gateways(tmp_path, multi_user=True) as [client]:
        ann, bob = await made(client, "Ann"), await made(client, "Bob")
        for headers, name in ((ann, "Ann"), (bob, "Bob")):
            await client.post("/userdata/mine.txt", content=name.encode(), headers=headers)
            await client.post("/settings/name", content=json.dumps(name).encode(), headers=headers)
        for headers, name in ((ann, "Ann"), (bob, "Bob")):
            assert (await client.get("/userdata/mine.txt", headers=headers)).text == name
            assert (await client.get("/settings", headers=headers)).json() == {"name": name}
            assert (await client.get("/userdata?dir=.", headers=headers)).json() == [
                "comfy.settings.json",
                "mine.txt",
            ]


async def test_a_user_reaches_nothing_of_another(tmp_path: Path) -> None:
    async with gateways(tmp_path, multi_user=True) as [client]:
        ann, bob = await made(client, "Ann"), await made(client, "Bob")
        await client.post("/userdata/mine.txt", content=b"secret", headers=ann)
        path = f"/userdata/..%2F{ann['comfy-user']}%2Fmine.txt"
        attempts = [
            await client.get(path, headers=bob),
            await client.post(path, content=b"x", headers=bob),
            await client.delete(path, headers=bob),
            await client.post(f"{path}/move/stolen.txt", headers=bob),
            await client.get("/userdata", params={"dir": f"../{ann['comfy-user']}"}, headers=bob),
        ]
        assert [answer.status_code for answer in attempts] == [403] * 5
        assert (await client.get("/userdata/mine.txt", headers=ann)).text == "secret"


@pytest.mark.parametrize("user", ["", "nobody", "..", ".", "users.json", "__system", "a/b", "default"])
async def test_who_is_not_known_gets_and_leaves_nothing(tmp_path: Path, user: str) -> None:
    async with gateways(tmp_path, multi_user=True) as [client]:
        await made(client, "Ann")
        headers = {"comfy-user": user}
        answers = [
            await client.post("/userdata/x.txt", content=b"x", headers=headers),
            await client.get("/settings", headers=headers),
            await client.post("/settings/a", content=b"1", headers=headers),
        ]
        assert [answer.status_code for answer in answers] == [401] * 3
        assert (await client.get("/v2/userdata", headers=headers)).status_code == 403
    assert [path.name for path in (tmp_path / "data/user").iterdir()] == ["users.json"]


async def test_users_that_two_gateways_make_at_once_are_all_kept(tmp_path: Path) -> None:
    async with gateways(tmp_path, 2, multi_user=True) as clients:
        users = await asyncio.gather(*(made(clients[number % 2], f"user {number}") for number in range(20)))
        known = (await clients[0].get("/users")).json()["users"]
        assert known == {headers["comfy-user"]: f"user {number}" for number, headers in enumerate(users)}
        assert (await clients[1].get("/settings", headers=users[0])).json() == {}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "username not provided"),
        (" \t", "username not provided"),
        (None, "username not provided"),
        (" __x", "System User prefix not allowed"),
        ("x" * 101, "username has more than 100 characters"),
        (" Ann ", "Duplicate username."),
    ],
)
async def test_a_name_that_cannot_be_had_is_refused(tmp_path: Path, name: str | None, reason: str) -> None:
    async with gateways(tmp_path, multi_user=True) as [client]:
        await made(client, "Ann")
        answer = await client.post("/users", json={"username": name})
        assert (answer.status_code, answer.json()) == (400, {"error": reason})


@pytest.mark.parametrize("name", ["../../etc", "a/b", "日本", "x\u0000y", "con", ".", "😀" * 50, "x" * 100])
async def test_whatever_a_user_is_called_their_folder_is_a_plain_one(tmp_path: Path, name: str) -> None:
    async with gateways(tmp_path, multi_user=True) as [client]:
        headers = await made(client, name)
        assert (await client.get("/users")).json()["users"] == {headers["comfy-user"]: name}
        assert (await client.post("/userdata/a.txt", content=b"x", headers=headers)).status_code == 200
    assert (tmp_path / "data/user" / headers["comfy-user"] / "a.txt").read_bytes() == b"x"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"username": 5}', b'{"username": ["a"]}'])
async def test_a_body_that_names_nobody_is_refused(tmp_path: Path, body: bytes) -> None:
    async with gateways(tmp_path) as [client]:
        assert (await client.post("/users", content=body)).status_code == 400
