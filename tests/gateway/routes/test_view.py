"""`/view` over HTTP."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from services.files.records import FileKind
from services.gateway.pictures.orders import MAX_PIXELS
from tests.gateway.stack import Gateway, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")


def png(mode: str = "RGBA", size: tuple[int, int] = (20, 10)) -> bytes:
    buffer = io.BytesIO()
    color = (10, 20, 30, 40)[: len(mode)]
    Image.new(mode, size, color).save(buffer, "PNG")
    return buffer.getvalue()


PNG = png()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled() -> AsyncIterator[Gateway]:
    """A gateway with a few files."""
    async with gateway() as running:
        await running.store("v.png", PNG)
        await running.store("rgb.png", png("RGB"))
        await running.store("cut.png", PNG[:40])
        await running.store("x.txt", b"hi")
        await running.store("i.png", b"input", FileKind.INPUT)
        await running.store("t.png", b"temp", FileKind.TEMP)
        await running.store("deep.png", b"deep", subfolder="one/two")
        await running.store("large.bin", bytes(range(256)) * 8192)
        yield running


@pytest.mark.parametrize(
    ("query", "content"),
    [
        ("filename=v.png", PNG),
        ("filename=v.png&type=output&subfolder=&rand=0.123", PNG),
        ("filename=i.png&type=input", b"input"),
        ("filename=t.png&type=temp", b"temp"),
        ("filename=i.png%20[input]", b"input"),
        ("filename=i.png%20[input]&type=output", b"input"),
        ("filename=t.png%20[temp]", b"temp"),
        ("filename=v.png%20[output]&type=bogus", PNG),
        ("filename=deep.png&subfolder=one/two", b"deep"),
        ("filename=deep.png&subfolder=one//./x/../two/", b"deep"),
        ("filename=v.png&channel=rgba", PNG),
        ("filename=v.png&channel=bogus", PNG),
    ],
)
@pytest.mark.parametrize("path", ["/view", "/api/view"])
async def test_a_file_is_found_by_its_names(filled: Gateway, path: str, query: str, content: bytes) -> None:
    answer = await filled.http.get(f"{path}?{query}")
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["content-length"] == str(len(content))


async def test_a_picture_comes_with_what_clients_and_caches_need(filled: Gateway) -> None:
    headers = (await filled.http.get("/view?filename=v.png")).headers
    assert headers["content-type"] == "image/png"
    assert 'filename="v.png"' in headers["content-disposition"]
    assert headers["accept-ranges"] == "bytes"
    assert headers["etag"].startswith('"')
    assert headers["last-modified"].endswith("GMT")


async def test_head_says_the_same_without_the_file(filled: Gateway) -> None:
    head = await filled.http.head("/view?filename=v.png")
    got = await filled.http.get("/view?filename=v.png")
    assert head.content == b""
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),
        ("filename=", 400),
        ("filename=nope.png", 404),
        ("filename=v.png&type=bogus", 400),
        ("filename=v.png&type=models", 400),
        ("filename=v.png&type=userdata", 400),
        ("filename=deep.png&subfolder=zzz", 404),
        ("filename=one", 404),
        ("filename=one/deep.png", 404),
        ("filename=i.png[input]", 404),
        ("filename=[input]", 400),
        ("filename=x.txt&preview=webp;90", 400),
        ("filename=x.txt&channel=rgb", 400),
        ("filename=cut.png&channel=rgb", 400),
    ],
)
async def test_what_cannot_be_shown_is_refused(filled: Gateway, query: str, status: int) -> None:
    answer = await filled.http.get(f"/view?{query}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_what_the_client_has_is_not_sent_again(filled: Gateway) -> None:
    headers = (await filled.http.get("/view?filename=v.png")).headers
    for condition in [
        {"If-None-Match": headers["etag"]},
        {"If-None-Match": f'"other", W/{headers["etag"]}'},
        {"If-Modified-Since": headers["last-modified"]},
    ]:
        again = await filled.http.get("/view?filename=v.png", headers=condition)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", headers["etag"])
    for condition in [{"If-None-Match": '"other"'}, {"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}]:
        assert (await filled.http.get("/view?filename=v.png", headers=condition)).content == PNG


@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=10-", 10, 2097151),
        ("bytes=-5", 2097147, 2097151),
        ("bytes=2097150-9999999", 2097150, 2097151),
    ],
)
async def test_a_part_of_a_file_can_be_asked_for(filled: Gateway, range_: str, first: int, last: int) -> None:
    whole = (await filled.http.get("/view?filename=large.bin")).content
    answer = await filled.http.get("/view?filename=large.bin", headers={"Range": range_})
    assert answer.status_code == 206
    assert answer.content == whole[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/2097152"


@pytest.mark.parametrize(
    "range_", ["bytes=9999999-", "bytes=0-1,3-4", "lines=1", "bytes=-", "bytes=5-2", "bytes=-0", "bytes=x-y"]
)
async def test_other_parts_cannot(filled: Gateway, range_: str) -> None:
    answer = await filled.http.get("/view?filename=v.png", headers={"Range": range_})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(PNG)}"


async def test_a_range_of_another_version_gets_the_whole_file(filled: Gateway) -> None:
    etag = (await filled.http.head("/view?filename=v.png")).headers["etag"]
    for condition, status in [(etag, 206), ('"other"', 200)]:
        headers = {"Range": "bytes=0-3", "If-Range": condition}
        assert (await filled.http.get("/view?filename=v.png", headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("query", "format_", "mode"),
    [
        ("preview=webp;90", "WEBP", "RGBA"),
        ("preview=jpeg;50", "JPEG", "RGB"),
        ("preview=jpeg", "JPEG", "RGB"),
        ("preview=png", "WEBP", "RGBA"),
        ("preview=true", "WEBP", "RGBA"),
        ("preview=", "WEBP", "RGBA"),
        ("preview=webp;abc", "WEBP", "RGBA"),
        ("preview=80", "WEBP", "RGBA"),
        ("preview=webp;99999999999", "WEBP", "RGBA"),
        ("preview=jpeg;90&channel=a", "WEBP", "RGBA"),
        ("preview=webp;90&channel=rgb", "WEBP", "RGB"),
        ("channel=rgb", "PNG", "RGB"),
        ("channel=a", "PNG", "RGBA"),
    ],
)
async def test_previews_and_channels_are_made_as_comfyui_makes_them(
    filled: Gateway, query: str, format_: str, mode: str
) -> None:
    answer = await filled.http.get(f"/view?filename=v.png&{query}")
    picture = Image.open(io.BytesIO(answer.content))
    assert (answer.status_code, picture.format, picture.mode, picture.size) == (200, format_, mode, (20, 10))
    assert answer.headers["content-type"] == f"image/{format_.lower()}"
    assert 'filename="v.png"' in answer.headers["content-disposition"]


async def test_the_alpha_channel_is_shown_as_black_with_that_transparency(filled: Gateway) -> None:
    picture: Any = Image.open(io.BytesIO((await filled.http.get("/view?filename=v.png&channel=a")).content))
    assert picture.getpixel((0, 0)) == (0, 0, 0, 40)
    picture = Image.open(io.BytesIO((await filled.http.get("/view?filename=rgb.png&channel=a")).content))
    assert picture.getpixel((0, 0)) == (0, 0, 0, 255)


async def test_a_picture_of_too_many_pixels_is_not_decoded(filled: Gateway) -> None:
    await filled.store("bomb.png", png("L", (8193, MAX_PIXELS // 8192)))
    answer = await filled.http.get("/view?filename=bomb.png&preview=webp")
    assert answer.status_code == 400
    assert "pixels" in answer.json()["error"]["message"]
    assert (await filled.http.get("/view?filename=bomb.png")).status_code == 200


async def test_a_client_that_leaves_in_mid_file_hurts_nobody(filled: Gateway) -> None:
    for _ in range(5):
        async with filled.http.stream("GET", "/view?filename=large.bin") as answer:
            async for _chunk in answer.aiter_raw(1024):
                break
    assert (await filled.http.get("/view?filename=v.png")).content == PNG
