"""`/userdata` over HTTP, beyond what was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from tests.gateway.over_files import gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with gateways(folder, max_upload_mb=1) as [running]:
        yield running


async def test_files_lie_in_a_folder_that_people_can_browse(client: httpx.AsyncClient, folder: Path) -> None:
    await client.post("/api/userdata/workflows%2Fday%20one.json", content=b"{}")
    assert (folder / "data/user/default/workflows/day one.json").read_bytes() == b"{}"


async def test_files_put_there_by_hand_are_seen(client: httpx.AsyncClient, folder: Path) -> None:
    place = folder / "data/user/default/by hand"
    place.mkdir(parents=True)
    (place / "w.json").write_bytes(b"[]")
    assert (await client.get("/userdata", params={"dir": "by hand"})).json() == ["w.json"]
    assert (await client.get("/userdata/by%20hand%2Fw.json")).json() == []


@pytest.mark.parametrize("name", ["é ü.json", "100%.json", "a+b&c=d.json", "日本.json", "a#b?.json"])
async def test_a_file_is_found_under_the_name_that_it_was_given(client: httpx.AsyncClient, name: str) -> None:
    path = f"/userdata/{quote(name, safe='')}"
    stored = await client.post(path, content=name.encode())
    assert stored.json() == name
    assert (await client.get(path)).content == name.encode()


async def test_a_folder_that_was_emptied_is_still_one(client: httpx.AsyncClient) -> None:
    await client.post("/userdata/emptied%2Fa.json", content=b"{}")
    await client.delete("/userdata/emptied%2Fa.json")
    assert (await client.get("/userdata?dir=emptied")).json() == []


async def test_of_many_who_make_a_file_at_once_one_does(tmp_path: Path) -> None:
    async with gateways(tmp_path, 2) as clients:
        path = "/userdata/once.txt?overwrite=false"
        answers = await asyncio.gather(*(clients[n % 2].post(path, content=str(n).encode()) for n in range(20)))
        [winner] = [n for n, answer in enumerate(answers) if answer.status_code == 200]
        assert {answer.status_code for answer in answers} == {200, 409}
        assert (await clients[0].get("/userdata/once.txt")).text == str(winner)


async def test_of_many_who_move_a_file_at_once_one_does(client: httpx.AsyncClient) -> None:
    await client.post("/userdata/moved.txt", content=b"x")
    moves = (client.post(f"/userdata/moved.txt/move/to%2F{number}.txt") for number in range(10))
    answers = await asyncio.gather(*moves)
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 9
    assert len((await client.get("/userdata?dir=to")).json()) == 1


async def test_a_file_that_is_too_long_is_refused_and_leaves_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.post("/userdata/long.bin", content=b"x" * (1 << 20 | 1))
    assert answer.status_code == 413
    assert (await client.get("/userdata/long.bin")).status_code == 404


async def test_an_unchanged_file_is_not_sent_again_and_parts_are(client: httpx.AsyncClient) -> None:
    await client.post("/userdata/part.txt", content=b"0123456789")
    first = await client.get("/userdata/part.txt")
    again = await client.get("/userdata/part.txt", headers={"If-None-Match": first.headers["etag"]})
    part = await client.get("/userdata/part.txt", headers={"Range": "bytes=2-4"})
    assert (again.status_code, part.status_code, part.content) == (304, 206, b"234")


@pytest.mark.parametrize(
    ("query", "status"), [("dir=a%00b", 400), ("dir=%2Fetc", 403), ("dir=", 400), ("dir=workflows%2F..%2F..", 403)]
)
async def test_what_is_no_folder_is_refused(client: httpx.AsyncClient, query: str, status: int) -> None:
    assert (await client.get(f"/userdata?{query}")).status_code == status


@pytest.mark.parametrize("path", ["%00", "%2e", "%2e%2e", "%2e%2e%2f", "a%5C..%5Cb", "nul", "a%0D%0Ab", "x" * 300])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_what_is_no_name_is_refused(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, f"/userdata/{path}", content=b"x" if method == "POST" else None)
    assert answer.status_code in (400, 403)
