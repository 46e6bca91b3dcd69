"""`/v2/assets` over HTTP, by the document of the versioned API."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from blake3 import blake3

from tests.contract.models.conftest import safetensors
from tests.gateway.over_files import gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with gateways(folder) as [running]:
        yield running


def hash_of(content: bytes) -> str:
    return f"blake3:{blake3(content).hexdigest()}"


async def upload(client: httpx.AsyncClient, content: bytes, path: str = "photo.png", **fields: Any) -> httpx.Response:
    data = {"content_type": "image/png", "file_path": path, **fields}
    return await client.post("/api/v2/assets", files={"file": ("x", content)}, data=data)


async def test_a_file_becomes_an_asset_whose_address_leads_to_it(client: httpx.AsyncClient) -> None:
    content = uuid.uuid4().bytes
    answer = await upload(client, content, "a/photo.png", expected_hash=hash_of(content), tags="input", expires_in=3600)
    assert answer.status_code == 201
    asset = answer.json()
    assert (asset["hash"], asset["size_bytes"], asset["content_type"]) == (hash_of(content), 16, "image/png")
    assert (asset["file_path"], asset["created_new"]) == ("a/photo.png", True)
    assert asset["created_at"] < asset["expires_at"]
    read = await client.get(asset["url"])
    assert (read.status_code, read.content) == (200, content)
    assert (await client.get(asset["url"], headers={"Range": "bytes=0-3"})).content == content[:4]
    shown = (await client.get(f"/api/v2/assets/{asset['id']}")).json()
    assert shown["id"] == asset["id"]
    assert "created_new" not in shown


async def test_a_content_that_is_here_is_kept_once_under_another_identity(client: httpx.AsyncClient) -> None:
    content = uuid.uuid4().bytes
    first, second = await upload(client, content), await upload(client, content)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["created_new"] is False
    assert first.json()["id"] != second.json()["id"]
    for asset in (first.json(), second.json()):
        assert (await client.get(asset["url"])).content == content
        assert (await client.delete(f"/api/v2/assets/{asset['id']}")).status_code == 204
    gone = await client.get(first.json()["url"])
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")
    assert (await client.delete(f"/api/v2/assets/{first.json()['id']}")).status_code == 404


async def test_another_hash_than_expected_is_a_mismatch_and_keeps_nothing(
    client: httpx.AsyncClient, folder: Path
) -> None:
    answer = await upload(client, uuid.uuid4().bytes, "never.png", expected_hash=hash_of(b"other"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "hash_mismatch")
    assert not (folder / "data/input/never.png").exists()


async def test_a_model_goes_where_its_path_says(client: httpx.AsyncClient, folder: Path) -> None:
    answer = await upload(client, safetensors(), "models/loras/sub/x.safetensors")
    assert (answer.status_code, answer.json()["file_path"]) == (201, "models/loras/sub/x.safetensors")
    assert (folder / "models/loras/sub/x.safetensors").exists()
    refused = await upload(client, b"pickled", "models/checkpoints/x.ckpt")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unsupported_content")


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"file_path": ""}, "file_path"),
        ({"file_path": "models/x"}, "file_path"),
        ({"content_type": ""}, "content_type"),
        ({"content_type": "picture"}, "mime_type"),
        ({"expires_in": "59"}, "expires_in"),
        ({"expires_in": "604801"}, "expires_in"),
        ({"expires_in": "soon"}, "expires_in"),
        ({"expected_hash": "nope"}, "hash"),
        ({"file_path": "../x.png"}, None),
        ({"file_path": "/etc/passwd"}, None),
        ({"file_path": "models/loras/../../x.safetensors"}, None),
    ],
)
async def test_a_form_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, fields: dict[str, Any], at_fault: str | None
) -> None:
    data = {"content_type": "image/png", "file_path": "x.png", **fields}
    answer = await client.post("/api/v2/assets", files={"file": ("x", uuid.uuid4().bytes)}, data=data)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "invalid_request")
    if at_fault:
        assert error["details"] == {"field": at_fault}


async def test_an_asset_is_made_of_a_content_by_its_hash(client: httpx.AsyncClient) -> None:
    content = uuid.uuid4().bytes
    assert (await client.head(f"/api/v2/assets/by-hash/{hash_of(content)}")).status_code == 404
    missing = await client.post("/api/v2/assets/from-hash", json={"hash": hash_of(content)})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "blob_not_found")
    await upload(client, content)
    assert (await client.head(f"/api/v2/assets/by-hash/{hash_of(content)}")).status_code == 200
    body = {"hash": hash_of(content), "file_path": "again.png", "tags": ["input"], "expires_in": 60}
    made = await client.post("/api/v2/assets/from-hash", json=body)
    again = await client.post("/api/v2/assets/from-hash", json=body | {"expires_in": 600})
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["id"] == again.json()["id"]
    assert again.json()["expires_at"] > made.json()["expires_at"]
    shorter = await client.post("/api/v2/assets/from-hash", json=body)
    assert shorter.json()["expires_at"] == again.json()["expires_at"]


@pytest.mark.parametrize("body", [{}, {"hash": "x"}, {"hash": 5}, [], {"hash": hash_of(b""), "expires_in": 1}])
async def test_a_body_that_makes_no_sense_is_refused(client: httpx.AsyncClient, body: Any) -> None:
    answer = await client.post("/api/v2/assets/from-hash", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


async def test_users_see_their_own(tmp_path: Path) -> None:
    async with gateways(tmp_path, multi_user=True) as [client]:
        refused = await client.get(f"/api/v2/assets/{uuid.uuid4()}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")
        mine, yours = [
            {"comfy-user": (await client.post("/users", json={"username": name})).json()} for name in ("me", "you")
        ]
        form = {"content_type": "image/png", "file_path": "x.png"}
        made = await client.post("/api/v2/assets", files={"file": ("x", b"x")}, data=form, headers=mine)
        path = f"/api/v2/assets/{made.json()['id']}"
        assert (await client.get(path, headers=mine)).status_code == 200
        assert (await client.get(path, headers=yours)).status_code == 404
        assert (await client.delete(path, headers=yours)).status_code == 404
