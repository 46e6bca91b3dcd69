"""A page that somebody uploaded must not run in the browser of somebody else (CVE-2024-10099)."""

from __future__ import annotations

import pytest

from services.files.records import FileKind
from tests.gateway.stack import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = [
    "x.html",
    "x.htm",
    "x.xhtml",
    "x.shtml",
    "x.xml",
    "x.xsl",
    "x.js",
    "x.mjs",
    "x.css",
    "x.pdf",
    "x.json",
    "x.txt",
]
PAGES += [
    "x.HTML",
    "x.png.html",
    "x.html ",
    "noext",
    "x.",
    ".html",
    "x.swf",
    "x.hta",
    "x.mht",
    "x.safetensors",
    "x.glb",
]

SHOWN = {
    "x.png": "image/png",
    "X.PNG": "image/png",
    "x.jpg": "image/jpeg",
    "x.jpeg": "image/jpeg",
    "x.webp": "image/webp",
    "x.gif": "image/gif",
    "x.mp4": "video/mp4",
    "x.webm": "video/webm",
    "x.wav": "audio/x-wav",
    "x.flac": "audio/flac",
    "x.mp3": "audio/mpeg",
    "x.opus": "audio/ogg",
    "x.html.png": "image/png",
}


@pytest.mark.parametrize("filename", PAGES)
async def test_what_is_no_picture_video_or_sound_is_a_download(shared: Gateway, filename: str) -> None:
    content = b"<html><script>alert(1)</script>"
    await shared.store(filename, content)
    answer = await shared.http.get("/view", params={"filename": filename})
    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(("filename", "media_type"), SHOWN.items())
async def test_pictures_videos_and_sounds_are_shown_as_what_they_say_they_are(
    shared: Gateway, filename: str, media_type: str
) -> None:
    await shared.store(filename, b"<html><script>alert(1)</script>")
    answer = await shared.http.get("/view", params={"filename": filename})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'inline; filename="{filename}"'
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_uploaded_page_is_a_download_however_it_is_asked_for(shared: Gateway, method: str) -> None:
    files = {"image": ("evil.html", b"<script>alert(1)</script>", "text/html")}
    name = (await shared.http.post("/upload/image", files=files)).json()["name"]
    for headers in ({}, {"Range": "bytes=0-3"}, {"Accept": "text/html"}, {"Sec-Fetch-Dest": "document"}):
        answer = await shared.http.request(method, f"/view?filename={name}&type=input", headers=headers)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment; ")
    assert (await shared.files.list(FileKind.INPUT))[0]
