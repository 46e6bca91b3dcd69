"""Names that lead out of their folder, or are none: refused in the same way by what stores and what shows (S5, S14)."""

from __future__ import annotations

import pytest

from services.files.records import FileKind
from tests.gateway.stack import Gateway

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


async def test_no_answer_tells_where_the_files_are(shared: Gateway) -> None:
    for query in ("filename=nope.png", "filename=x&subfolder=../..", "filename=..", "filename=a%00"):
        answer = await shared.http.get(f"/view?{query}")
        assert "/data" not in answer.text
        assert "/tmp" not in answer.text
