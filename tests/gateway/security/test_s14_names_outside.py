"""Names that lead out of their folder, or are none: refused in the same way by what stores and what shows (S5, S14)."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from services.files.records import FileKind
from tests.gateway.stack import Gateway
from tests.hostile_names import HOSTILE_PARTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTSIDE = ["..", "../x", "../../../../etc", "a/../../b", "/etc", "/", "a/../../../etc"]
NO_FOLDERS = ["a\0b", "a\\..\\..\\b", "C:\\x", "a\nb", "x" * 300, "con/x", "a/" * 2000 + "a"]
NO_FILES = [
    "..",
    ".",
    "../x.png",
    "/etc/passwd",
    "..\\x.png",
    "a\\b.png",
    "a\0.png",
    "a\r\nX-Evil: 1.png",
    "C:x.png",
    "nul",
]
NO_FILES += ["x" * 300 + ".png", "a\u2028b.png", "LPT1.png"]

#: What can be sent in a URL and is one part of it.
HOSTILE = [part for part in HOSTILE_PARTS.values() if part not in ("", ".", "..", "a/b", "/etc", "a\ud800")]

#: Everything that takes a name in its path or its query, NAME stands for it.
ROUTES = [
    "GET /view?filename=NAME",
    "GET /view?filename=x.png&subfolder=NAME",
    "GET /view?filename=NAME%20[input]&preview=webp",
    "GET /userdata/NAME",
    "POST /userdata/NAME",
    "DELETE /userdata/NAME",
    "POST /userdata/a/move/NAME",
    "POST /userdata/NAME/move/a",
    "GET /userdata?dir=NAME",
    "GET /v2/userdata?path=NAME",
    "GET /view_metadata/checkpoints?filename=NAME.safetensors",
    "GET /experiment/models/preview/checkpoints/0/NAME",
    "GET /extensions/NAME/a.js",
    "GET /extensions/pack/NAME",
]


async def stored(gateway: Gateway) -> int:
    return sum(
        [len((await gateway.files.list(kind, recursive=True))[0]) for kind in FileKind if kind is not FileKind.MODELS]
    )


@pytest.mark.parametrize("subfolder", OUTSIDE + NO_FOLDERS)
async def test_uploads_into_such_folders_are_refused(shared: Gateway, subfolder: str) -> None:
    before = await stored(shared)
    answer = await shared.http.post(
        "/upload/image", files={"image": ("x.png", b"x", "image/png")}, data={"subfolder": subfolder}
    )
    assert answer.status_code == 400
    assert "subfolder" in answer.text
    assert await stored(shared) == before


@pytest.mark.parametrize("filename", [*NO_FILES, "dir/x.png", ""])
async def test_uploads_under_such_names_are_refused(shared: Gateway, filename: str) -> None:
    before = await stored(shared)
    body = (
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="'
        + filename.encode().replace(b"\\", b"\\\\").replace(b"\r\n", b"%0D%0A")
        + b'"\r\n\r\nx\r\n--b--\r\n'
    )
    if "\r" in filename:
        body = body.replace(b"%0D%0A", b"\x0b")
    answer = await shared.http.post(
        "/upload/image", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code == 400, answer.text
    assert await stored(shared) == before


@pytest.mark.parametrize("subfolder", OUTSIDE)
async def test_views_of_folders_outside_are_forbidden(shared: Gateway, subfolder: str) -> None:
    answer = await shared.http.get("/view", params={"filename": "passwd", "subfolder": subfolder})
    assert answer.status_code == 403


@pytest.mark.parametrize("subfolder", NO_FOLDERS)
async def test_views_of_what_is_no_folder_are_refused(shared: Gateway, subfolder: str) -> None:
    answer = await shared.http.get("/view", params={"filename": "x.png", "subfolder": subfolder})
    assert answer.status_code == 400


@pytest.mark.parametrize("filename", [*NO_FILES, "a..b.png", "..%2fx", "../x.png [input]"])
async def test_views_of_what_is_no_file_are_refused(shared: Gateway, filename: str) -> None:
    for more in ({}, {"type": "input"}, {"type": "temp"}, {"preview": "webp"}, {"channel": "rgb"}):
        answer = await shared.http.get("/view", params={"filename": filename, **more})
        assert answer.status_code == 400, (filename, more)
        assert "evil" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize("route", ROUTES)
async def test_no_route_takes_a_hostile_name(shared: Gateway, route: str) -> None:
    before = await stored(shared)
    method, _, url = route.partition(" ")
    for part in HOSTILE:
        answer = await shared.http.request(method, url.replace("NAME", quote(part, safe="")), content=b"{}")
        assert 400 <= answer.status_code < 500, (part, answer.text)
        assert "evil" not in {name.lower() for name in answer.headers}
    assert await stored(shared) == before


async def test_no_answer_tells_where_the_files_are(shared: Gateway) -> None:
    for query in ("filename=nope.png", "filename=x&subfolder=../..", "filename=..", "filename=a%00"):
        answer = await shared.http.get(f"/view?{query}")
        assert "/data" not in answer.text
        assert "/tmp" not in answer.text
