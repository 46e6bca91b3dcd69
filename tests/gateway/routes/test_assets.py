"""`/assets` and `/tags` over HTTP."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from blake3 import blake3

from tests.contract.models.conftest import safetensors
from tests.gateway import model_files
from tests.gateway.over_files import gateways
from tests.gateway.stack import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with gateways(folder) as [running]:
        yield running


def fresh() -> bytes:
    """A content that nobody has."""
    return uuid.uuid4().bytes


def hash_of(content: bytes) -> str:
    return f"blake3:{blake3(content).hexdigest()}"


async def upload(
    client: httpx.AsyncClient, filename: str, content: bytes, tags: Any = ("input",), **fields: Any
) -> httpx.Response:
    data = {"tags": tags if isinstance(tags, str) else list(tags), **fields}
    return await client.post("/api/assets", files={"file": (filename, content)}, data=data)


async def uploaded(client: httpx.AsyncClient, name: str = "cat.png", **more: Any) -> dict[str, Any]:
    answer = await upload(client, name, fresh(), **more)
    assert answer.status_code == 201, answer.text
    asset: dict[str, Any] = answer.json()
    return asset


async def test_an_upload_becomes_an_asset_that_can_be_read(client: httpx.AsyncClient) -> None:
    content, preview = fresh(), str(uuid.uuid4())
    fields = {"name": "My cat.png", "user_metadata": json.dumps({"stars": 5}), "preview_id": preview}
    answer = await upload(client, "cat.png", content, ["input", "cat"], **fields)
    assert answer.status_code == 201
    asset = answer.json()
    assert (asset["name"], asset["asset_hash"], asset["size"]) == ("My cat.png", hash_of(content), len(content))
    assert (asset["tags"], asset["user_metadata"]) == (["input", "cat"], {"stars": 5})
    assert (asset["mime_type"], asset["preview_id"], asset["created_new"]) == ("image/png", preview, True)
    assert (asset["file_path"], asset["is_immutable"], asset["prompt_id"]) == ("input/My cat.png", False, None)
    del asset["created_new"]
    assert (await client.get(f"/api/assets/{asset['id']}")).json() == asset
    read = await client.get(f"/api/assets/{asset['id']}/content")
    assert (read.content, read.headers["content-type"]) == (content, "image/png")
    part = await client.get(f"/api/assets/{asset['id']}/content", headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, content[2:6])
    assert (await client.get("/view?filename=My cat.png&type=input")).content == content


async def test_a_page_that_was_uploaded_is_handed_over_as_a_download(client: httpx.AsyncClient) -> None:
    asset = await uploaded(client, "page.html")
    read = await client.get(f"/api/assets/{asset['id']}/content")
    assert read.headers["content-type"] == "application/octet-stream"
    assert read.headers["content-disposition"].startswith("attachment")


async def test_a_content_that_is_an_asset_already_is_the_answer(client: httpx.AsyncClient) -> None:
    content = fresh()
    first = (await upload(client, "a.png", content)).json()
    again = await upload(client, "b.png", content, ["other"])
    assert (again.status_code, again.json()["id"], again.json()["created_new"]) == (200, first["id"], False)


@pytest.mark.parametrize("tags", ["input,cat", '["input", "cat"]', ["input", "cat"]])
async def test_tags_are_written_in_several_ways(client: httpx.AsyncClient, tags: Any) -> None:
    assert (await uploaded(client, tags=tags))["tags"] == ["input", "cat"]


async def test_a_model_is_brought_as_an_asset(client: httpx.AsyncClient, folder: Path) -> None:
    content = safetensors(metadata={"title": "T"})
    answer = await upload(client, "new.safetensors", content, ["models", "loras"])
    assert (answer.status_code, answer.json()["file_path"]) == (201, "models/loras/new.safetensors")
    assert answer.json()["is_immutable"]
    assert (folder / "models/loras/new.safetensors").read_bytes() == content
    assert (await client.get("/models/loras")).json() == ["new.safetensors"]
    assert (await client.get("/view_metadata/loras?filename=new.safetensors")).json() == {"title": "T"}
    other = await upload(client, "new.safetensors", safetensors(metadata={"title": "other"}), ["models", "loras"])
    assert other.status_code == 409
    assert (await client.delete(f"/api/assets/{answer.json()['id']}")).status_code == 204
    assert (folder / "models/loras/new.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "content", "tags", "status"),
    [
        ("x.safetensors", b"no model", ["models", "loras"], 400),
        ("x.ckpt", b"pickled", ["models", "checkpoints"], 415),
        ("x.exe", b"program", ["models", "checkpoints"], 400),
        ("../x.safetensors", safetensors(), ["models", "loras"], 400),
        ("x.safetensors", safetensors(), ["models"], 400),
        ("x.safetensors", safetensors(), ["models", "nope"], 400),
    ],
)
async def test_what_is_no_model_is_refused(
    client: httpx.AsyncClient, name: str, content: bytes, tags: list[str], status: int
) -> None:
    answer = await upload(client, name, content, tags)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"user_metadata": "nope"}, "user_metadata"),
        ({"user_metadata": "[1]"}, "user_metadata"),
        ({"mime_type": "picture"}, "mime_type"),
        ({"id": "nope"}, "id"),
        ({"preview_id": "nope"}, "id"),
        ({"tags": "[1]"}, ""),
        ({"hash": "blake3:nope"}, "hash"),
        ({"hash": f"blake3:{'0' * 64}"}, "hash"),
        ({"name": "a\nb"}, "name"),
    ],
)
async def test_a_form_that_makes_no_sense_stores_nothing(
    client: httpx.AsyncClient, folder: Path, fields: dict[str, Any], at_fault: str
) -> None:
    before = set((folder / "data/input").iterdir())
    answer = await upload(client, "cat.png", fresh(), **fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["extra_info"].get("field", "") == at_fault
    assert set((folder / "data/input").iterdir()) == before


async def test_a_form_without_a_file_and_an_address_are_refused(client: httpx.AsyncClient) -> None:
    empty = await client.post("/api/assets", files={"other": ("a", b"b")})
    assert (empty.status_code, empty.json()["error"]["extra_info"]) == (400, {"field": "file"})
    fetched = await client.post("/api/assets", json={"url": "http://127.0.0.1/x", "name": "x"})
    assert fetched.status_code == 501
    assert "send the file" in fetched.json()["error"]["message"]


async def test_an_asset_is_made_of_what_is_here(client: httpx.AsyncClient, folder: Path) -> None:
    content = fresh()
    (folder / "data/output/made.png").write_bytes(content)
    body = {"hash": hash_of(content), "tags": ["output"], "name": "Made", "prompt_id": "p1"}
    assert (await client.post("/api/assets/from-hash", json=body)).status_code == 404
    assert (await client.head(f"/api/assets/hash/{body['hash']}")).status_code == 404
    uploaded = await client.post("/upload/image", files={"image": ("made2.png", content)})
    assert uploaded.status_code == 200
    assert (await client.head(f"/api/assets/hash/{body['hash']}")).status_code == 200
    made = await client.post("/api/assets/from-hash", json=body)
    assert (made.status_code, made.json()["name"], made.json()["prompt_id"]) == (201, "Made", "p1")
    again = await client.post("/api/assets/from-hash", json=body)
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    assert [it["id"] for it in (await client.get("/api/assets?job_id=p1")).json()["assets"]] == [made.json()["id"]]


@pytest.mark.parametrize(
    "body",
    [
        {"tags": ["a"]},
        {"hash": "blake3:x"},
        {"hash": "sha256:" + "0" * 64, "tags": ["a"]},
        {"hash": "blake3:" + "Z" * 64, "tags": ["a"]},
        {"hash": "blake3:" + "0" * 64, "tags": "a"},
        [],
    ],
)
async def test_a_hash_that_is_none_is_refused(client: httpx.AsyncClient, body: Any) -> None:
    assert (await client.post("/api/assets/from-hash", json=body)).status_code == 400
    assert (await client.head("/api/assets/hash/nonsense")).status_code == 400


async def test_assets_are_listed_by_what_is_known_in_pages(client: httpx.AsyncClient) -> None:
    tag = f"t{uuid.uuid4().hex}"
    made = [await uploaded(client, f"{name}.png", tags=["input", tag]) for name in ("b", "a", "C")]
    await client.put(f"/api/assets/{made[0]['id']}", json={"user_metadata": {"stars": 5}})

    async def names(query: str) -> list[str]:
        answer = await client.get(f"/api/assets?include_tags=input,{tag}&{query}")
        assert answer.status_code == 200, answer.text
        return [asset["name"] for asset in answer.json()["assets"]]

    assert await names("") == ["C.png", "a.png", "b.png"]
    assert await names("sort=name&order=asc") == ["a.png", "b.png", "C.png"]
    assert await names("sort=name&order=asc&limit=1&offset=1") == ["b.png"]
    assert await names("name_contains=c.P") == ["C.png"]
    assert await names("exclude_tags=input") == []
    assert await names('metadata_filter={"stars":5}&include_public=false') == ["b.png"]
    page = (await client.get(f"/api/assets?include_tags={tag}&limit=2")).json()
    assert (page["total"], page["has_more"]) == (3, True)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "offset=-1", "sort=nope", "order=up", "metadata_filter=x"]
)
async def test_a_query_that_makes_no_sense_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/assets?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["extra_info"]["field"] == query.partition("=")[0]


async def test_what_is_known_is_changed(client: httpx.AsyncClient) -> None:
    asset = await uploaded(client)
    path = f"/api/assets/{asset['id']}"
    changes = {"name": "dog.png", "tags": ["dog"], "mime_type": "image/x", "user_metadata": {"a": [1]}}
    changed = (await client.put(path, json=changes)).json()
    assert {key: changed[key] for key in changes} == changes
    for body, status in (({}, 400), ({"name": ""}, 400), ({"tags": [" "]}, 400), ({"name": 5}, 400), ([], 400)):
        assert (await client.put(path, json=body)).status_code == status


async def test_tags_are_added_removed_and_counted(client: httpx.AsyncClient) -> None:
    tag = f"t{uuid.uuid4().hex}"
    asset = await uploaded(client, tags=[tag])
    path = f"/api/assets/{asset['id']}/tags"
    added = await client.post(path, json={"tags": [f"{tag}-2", tag]})
    assert added.json() == {"added": [f"{tag}-2"], "already_present": [tag], "total_tags": [tag, f"{tag}-2"]}
    listed = (await client.get(f"/api/tags?prefix={tag}&order=name_asc&limit=1")).json()
    assert listed == {"tags": [{"name": tag, "count": 1}], "total": 2, "has_more": True}
    counted = await client.get(f"/api/assets/tags/refine?include_tags={tag}")
    assert counted.json() == {"tag_counts": {tag: 1, f"{tag}-2": 1}}
    removed = await client.request("DELETE", path, json={"tags": [tag, "nope"]})
    assert removed.json() == {"removed": [tag], "not_present": ["nope"], "total_tags": [f"{tag}-2"]}
    bad: list[dict[str, Any]] = [{}, {"tags": []}, {"tags": [5]}]
    for body in bad:
        assert (await client.post(path, json=body)).status_code == 400


async def test_an_asset_goes_with_its_file_unless_that_is_to_be_kept(client: httpx.AsyncClient, folder: Path) -> None:
    gone, kept = await uploaded(client), await uploaded(client)
    assert (await client.delete(f"/api/assets/{gone['id']}")).status_code == 204
    assert (await client.delete(f"/api/assets/{kept['id']}?delete_content=false")).status_code == 204
    for asset, exists in ((gone, False), (kept, True)):
        assert (folder / "data" / asset["file_path"]).exists() is exists
        for answer in (client.get(f"/api/assets/{asset['id']}"), client.delete(f"/api/assets/{asset['id']}")):
            assert (await answer).status_code == 404


@pytest.mark.parametrize("id", ["nope", "b96e471d-2a8f-4b4c-95af-e895878351ce", "x" * 36, "%2e%2e%2fx"])
async def test_what_is_no_asset_is_not_found(client: httpx.AsyncClient, id: str) -> None:
    path = f"/api/assets/{id}"
    for method, target, body in (
        ("GET", path, None),
        ("GET", f"{path}/content", None),
        ("DELETE", path, None),
        ("PUT", path, {"name": "x"}),
        ("POST", f"{path}/tags", {"tags": ["x"]}),
        ("DELETE", f"{path}/tags", {"tags": ["x"]}),
    ):
        answer = await client.request(method, target, json=body)
        is_id = len(id) == 36 and id[0] != "x"
        assert answer.status_code == (404 if is_id or method == "GET" else 405), (method, target)


async def test_users_have_assets_of_their_own(tmp_path: Path) -> None:
    model_files.store(tmp_path, {})
    async with gateways(tmp_path, multi_user=True) as [client]:
        mine, yours = [
            {"comfy-user": (await client.post("/users", json={"username": name})).json()} for name in ("me", "you")
        ]
        made = await client.post("/api/assets", files={"file": ("a.png", b"x")}, data={"tags": "input"}, headers=mine)
        path = f"/api/assets/{made.json()['id']}"
        assert (await client.get(path, headers=mine)).status_code == 200
        for method in ("GET", "DELETE"):
            assert (await client.request(method, path, headers=yours)).status_code == 404
        assert (await client.get("/api/assets", headers=yours)).json()["total"] == 0
        assert (await client.get("/api/tags", headers=yours)).json()["total"] == 0
        assert (await client.get("/api/assets")).status_code == 401


async def test_where_no_assets_are_kept_that_is_said(shared: Gateway) -> None:
    answer = await shared.http.get("/api/assets")
    assert answer.status_code == 501
    assert "keeps no assets" in answer.json()["error"]["message"]
