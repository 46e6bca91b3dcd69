"""`/upload/image` over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from services.files.records import FileKind
from services.gateway.spool import SPOOL_BYTES
from tests.gateway.stack import Gateway, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOUNDARY = "a-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


async def upload(gateway: Gateway, filename: str, content: bytes = b"picture", **fields: str) -> httpx.Response:
    return await gateway.http.post("/upload/image", files={"image": (filename, content, "image/png")}, data=fields)


def form(*parts: str, end: str = f"--{BOUNDARY}--\r\n") -> bytes:
    """A body of parts as they are on the wire."""
    return "".join(f"--{BOUNDARY}\r\n{part}\r\n" for part in parts).encode() + end.encode()


def part(name: str, content: str, filename: str | None = None, disposition: str = "") -> str:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'Content-Disposition: form-data; name="{name}"{file}{disposition}\r\n\r\n{content}'


async def post(gateway: Gateway, body: bytes, content_type: str | None = MULTIPART) -> httpx.Response:
    headers = {"Content-Type": content_type} if content_type else {}
    return await gateway.http.post("/upload/image", content=body, headers=headers)


async def names(gateway: Gateway, kind: FileKind) -> list[str]:
    files, _ = await gateway.files.list(kind, recursive=True)
    return [file.name.path for file in files]


@pytest.mark.asyncio(loop_scope="function")
async def test_names_are_chosen_as_recorded() -> None:
    async with gateway() as fresh:
        for content, fields, name in [
            (b"one", {}, "up.png"),
            (b"one", {}, "up.png"),
            (b"two", {}, "up (1).png"),
            (b"two", {}, "up (1).png"),
            (b"three", {}, "up (2).png"),
            (b"two", {"overwrite": "true"}, "up.png"),
            (b"four", {"overwrite": "1"}, "up.png"),
            (b"five", {"overwrite": "True"}, "up (3).png"),
            (b"four", {"overwrite": "false"}, "up.png"),
        ]:
            answer = await upload(fresh, "up.png", content, **fields)
            assert answer.json() == {"name": name, "subfolder": "", "type": "input"}
        shown = await fresh.http.get("/view?filename=up.png&type=input")
        assert shown.content == b"four"


@pytest.mark.parametrize("path", ["/upload/image", "/api/upload/image"])
@pytest.mark.parametrize("type_", ["input", "temp", "output"])
async def test_an_upload_can_be_seen_where_the_answer_says(shared: Gateway, path: str, type_: str) -> None:
    files = {"image": ("seen.png", b"content", "image/png")}
    answer = (await shared.http.post(path, files=files, data={"type": type_, "subfolder": "sub/deep"})).json()
    assert answer == {"name": "seen.png", "subfolder": "sub/deep", "type": type_}
    query = {"filename": answer["name"], "subfolder": answer["subfolder"], "type": answer["type"]}
    assert (await shared.http.get("/view", params=query)).content == b"content"


@pytest.mark.parametrize(
    ("filename", "stored"),
    [("héé 漢字.png", "héé 漢字.png"), ("a%20b.png", "a%20b.png"), ("note.txt", "note.txt"), ("noext", "noext")],
)
async def test_names_are_kept_as_the_client_wrote_them(shared: Gateway, filename: str, stored: str) -> None:
    answer = await post(shared, form(part("image", "x", filename)))
    assert answer.json()["name"] == stored


async def test_names_in_the_extended_notation_are_understood(shared: Gateway) -> None:
    answer = await post(shared, form(part("image", "x", None, "; filename*=utf-8''h%C3%A9.png")))
    assert answer.json()["name"] == "hé.png"


async def test_fields_may_come_after_the_file(shared: Gateway) -> None:
    body = form(part("image", "late", "late.png"), part("subfolder", "after"), part("type", "temp"))
    assert (await post(shared, body)).json() == {"name": "late.png", "subfolder": "after", "type": "temp"}


async def test_an_empty_file_is_a_file(shared: Gateway) -> None:
    assert (await upload(shared, "empty.png", b"")).json()["name"] == "empty.png"


async def test_a_subfolder_is_answered_in_its_plain_form(shared: Gateway) -> None:
    assert (await upload(shared, "up.png", b"z", subfolder="a/../b//c/")).json()["subfolder"] == "b/c"


@pytest.mark.parametrize(
    ("body", "content_type", "named"),
    [
        (b"", None, "multipart"),
        (b'{"image": "x"}', "application/json", "multipart"),
        (b"image=abc", "application/x-www-form-urlencoded", "multipart"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", "form"),
        (b"nothing like it", "multipart/form-data; boundary=x", "form"),
        (form(part("image", "x", "a.png")), "multipart/form-data", "boundary"),
        (form(part("image", "x", "a.png")), "multipart/form-data; boundary=" + "b" * 5000, "form"),
        (form(part("subfolder", "x")), MULTIPART, "image"),
        (form(part("other", "x", "a.png")), MULTIPART, "image"),
        (form(part("image", "hello")), MULTIPART, "image"),
        (form(part("image", "x", "")), MULTIPART, "image"),
        (form(part("image", "x", "a.png"), part("type", "bogus")), MULTIPART, "type"),
        (form(part("image", "x", "a.png"), part("type", "models")), MULTIPART, "type"),
        (form(part("image", "x", "a.png"), part("type", "userdata")), MULTIPART, "type"),
        (form(part("image", "x", "a.png"), part("subfolder", "x" * 70_000)), MULTIPART, "field"),
        (form(*[part("image", "x", "a.png")] * 100), MULTIPART, "parts"),
        (form(*[part("image", "x", "a.png")] * 10_000), MULTIPART, "parts"),
        (form("X: " + "x" * 1_000_000 + "\r\n" + part("image", "x", "a.png")), MULTIPART, "header"),
        (form("X" * 100_000 + ": x\r\n" + part("image", "x", "a.png")), MULTIPART, "header"),
        (form("X: x\r\n" * 10_000 + part("image", "x", "a.png")), MULTIPART, "header"),
        (form(part("image", "x", "y" * 20_000)), MULTIPART, "header"),
        (form(part("image", "x", "a.png")).replace(b"\r\n", b"\n"), MULTIPART, "form"),
        (b"x" * 1_000_000, MULTIPART, "form"),
        (form(part("image", "x", "a.png")), "multipart/mixed; boundary=a-boundary", "multipart/form-data"),
        (form(part("image", "x", "a.png")), 'multipart/form-data; boundary="', "boundary"),
    ],
)
async def test_what_is_no_upload_is_refused_by_name(
    shared: Gateway, body: bytes, content_type: str | None, named: str
) -> None:
    answer = await post(shared, body, content_type)
    assert answer.status_code == 400, answer.text
    assert named in answer.json()["error"]["message"] + answer.json()["error"]["details"]


@pytest.mark.asyncio(loop_scope="function")
async def test_an_upload_that_ends_too_early_leaves_nothing() -> None:
    async with gateway() as fresh:
        whole = form(part("image", "x" * 1000, "cut.png"))
        for length in (len(whole) - 4, len(whole) - 40, 500, 60):
            assert (await post(fresh, whole[:length])).status_code == 400
        reader, writer = await asyncio.open_connection("127.0.0.1", fresh.port)
        head = f"POST /upload/image HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        writer.write(f"{head}Content-Length: {len(whole)}\r\n\r\n".encode() + whole[:-200])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        del reader
        assert (await upload(fresh, "next.png")).status_code == 200
        assert await names(fresh, FileKind.INPUT) == ["next.png"]


@pytest.mark.asyncio(loop_scope="function")
async def test_an_upload_beyond_the_limit_is_refused_before_it_is_read() -> None:
    async with gateway(max_upload_mb=1) as small:
        answer = await upload(small, "large.png", bytes(2 << 20))
        assert answer.status_code == 413
        assert "1048576" in answer.json()["error"]["message"]

        async def endless() -> Any:
            for _ in range(40):
                yield b"x" * 65_536

        head = form(part("image", "", "a.png"), end="")[:-2]

        async def body() -> Any:
            yield head
            async for chunk in endless():
                yield chunk

        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        assert (await small.http.post("/upload/image", content=body(), headers=headers)).status_code == 413
        assert await names(small, FileKind.INPUT) == []
        assert (await small.http.get("/features")).json()["max_upload_size"] == 1 << 20


async def test_a_large_upload_is_spooled_and_arrives_whole(shared: Gateway) -> None:
    content = bytes(range(256)) * (40 * SPOOL_BYTES // 256)
    answer = await upload(shared, "large.bin", content)
    assert answer.json()["name"] == "large.bin"
    assert (await shared.http.get("/view?filename=large.bin&type=input")).content == content
