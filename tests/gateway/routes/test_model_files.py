"""`/experiment/models` and `/view_metadata` over HTTP, beyond what was recorded."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from services.files.models.metadata import MAX_BYTES
from tests.gateway import model_files
from tests.gateway.over_files import gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "models"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(models: Path) -> AsyncIterator[httpx.AsyncClient]:
    model_files.store(models, model_files.FILES)
    async with gateways(models.parent) as [running]:
        yield running


async def test_models_that_come_and_go_are_seen_at_once(client: httpx.AsyncClient, models: Path) -> None:
    model_files.store(models, {"vae/new.safetensors": b"12345"})
    assert (await client.get("/models/vae")).json() == ["new.safetensors"]
    [described] = (await client.get("/api/experiment/models/vae")).json()
    assert (described["name"], described["size"]) == ("new.safetensors", 5)
    (models / "vae/new.safetensors").unlink()
    assert (await client.get("/models/vae")).json() == []


async def test_models_in_a_directory_of_an_older_name_are_of_its_kind(client: httpx.AsyncClient, models: Path) -> None:
    files = {
        "clip/old.safetensors": model_files.safetensors(80, {"from": "clip"}),
        "clip/both.safetensors": model_files.safetensors(80, {"from": "clip"}),
        "clip/old.png": model_files.picture(),
        "text_encoders/both.safetensors": model_files.safetensors(80, {"from": "text_encoders"}),
    }
    model_files.store(models, files)
    described = (await client.get("/experiment/models/text_encoders")).json()
    assert [(it["name"], it["pathIndex"]) for it in described] == [("both.safetensors", 0), ("old.safetensors", 1)]
    assert (await client.get("/models/text_encoders")).json() == ["both.safetensors", "old.safetensors"]
    for name, directory in (("both", "text_encoders"), ("old", "clip")):
        answer = await client.get(f"/view_metadata/text_encoders?filename={name}.safetensors")
        assert answer.json() == {"from": directory}
    preview = "/experiment/models/preview/text_encoders/{}/old.safetensors"
    assert [(await client.get(preview.format(index))).status_code for index in range(3)] == [404, 200, 404]


@pytest.mark.parametrize("picture", ["a.png", "a.preview.png", "a.jpg", "a.webp", "a.preview.jpeg", "a.gif"])
async def test_the_picture_beside_a_model_is_shown_as_webp(
    client: httpx.AsyncClient, models: Path, picture: str
) -> None:
    format = {"jpg": "JPEG"}.get(picture.split(".")[-1], picture.split(".")[-1])
    model_files.store(models, {f"gligen/sub/{picture}": model_files.picture(format)})
    try:
        answer = await client.get("/experiment/models/preview/gligen/0/sub%2Fa.safetensors")
    finally:
        (models / "gligen/sub" / picture).unlink()
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert (shown.format, shown.size) == ("WEBP", (8, 8))


async def test_what_is_no_picture_is_refused(client: httpx.AsyncClient, models: Path) -> None:
    model_files.store(models, {"gligen/no.png": b"no picture"})
    assert (await client.get("/experiment/models/preview/gligen/0/no.safetensors")).status_code == 400


async def test_metadata_is_read_without_the_weights(client: httpx.AsyncClient, models: Path) -> None:
    file = models / "loras/huge.safetensors"
    file.write_bytes(model_files.safetensors(200, {"about": "weights"}))
    os.truncate(file, 100 << 30)
    answer = await client.get("/view_metadata/loras?filename=huge.safetensors", timeout=5)
    assert answer.json() == {"about": "weights"}
    file.unlink()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        (0).to_bytes(8, "little"),
        (2**63).to_bytes(8, "little"),
        (MAX_BYTES + 1).to_bytes(8, "little") + b"{}",
        (100).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b"\xff\xff\xff\xff",
        (2).to_bytes(8, "little") + b"[]",
        (21).to_bytes(8, "little") + b'{"__metadata__": [1]}',
        (26).to_bytes(8, "little") + b'{"__metadata__": {"a": 1}}',
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
    ],
)
async def test_what_only_pretends_to_be_a_model_has_no_metadata(
    client: httpx.AsyncClient, models: Path, content: bytes
) -> None:
    model_files.store(models, {"loras/odd.safetensors": content})
    assert (await client.get("/view_metadata/loras?filename=odd.safetensors")).status_code == 404


async def test_metadata_is_also_asked_for_by_post(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/view_metadata/loras?filename=sub%2Fdir%2Fprobe_sub.safetensors")
    assert answer.json() == {"a": "b"}
