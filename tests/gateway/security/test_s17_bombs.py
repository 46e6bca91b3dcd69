"""S17: small files that would become huge pictures, and large ones that would take for ever."""

from __future__ import annotations

import io
import json
import struct
import zlib

import psutil
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from services.gateway.pictures.orders import MAX_BYTES, MAX_PIXELS
from tests.gateway.stack import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def huge_png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and ends."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def saved(picture: Image.Image, format_: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_, **how)
    return buffer.getvalue()


def text_bomb() -> bytes:
    """A PNG with many megabytes of text in a few kilobytes."""
    texts = PngInfo()
    for number in range(80):
        texts.add_text(f"t{number}", "x" * (1 << 20), zip=True)
    return saved(Image.new("RGB", (8, 8)), "PNG", pnginfo=texts)


def film() -> bytes:
    """A GIF of 10,000 frames."""
    first = saved(Image.new("P", (64, 64)), "GIF")
    head, picture = first[: first.index(b"\x2c")], first[first.index(b"\x2c") : -1]
    return head + picture * 10_000 + b";"


BOMBS = {
    "larger than any screen": huge_png(50_000, 50_000),
    "as wide as PNG allows": huge_png((1 << 31) - 1, 1),
    "one pixel too many": huge_png(MAX_PIXELS // 4096 + 1, 4096),
    "text": text_bomb(),
    "many bytes": bytes(MAX_BYTES + 1),
    "a BMP that lies": b"BM"
    + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("query", ["preview=webp;90", "channel=a"])
async def test_s17_a_bomb_is_refused_and_shown_as_the_file_it_is(shared: Gateway, name: str, query: str) -> None:
    await shared.store("bomb.png", BOMBS[name])
    before = psutil.Process().memory_info().rss
    answer = await shared.http.get(f"/view?filename=bomb.png&{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert psutil.Process().memory_info().rss - before < 20 << 20
    assert (await shared.http.head("/view?filename=bomb.png")).headers["content-length"] == str(len(BOMBS[name]))


async def test_s17_of_a_film_the_first_picture_is_decoded(shared: Gateway) -> None:
    await shared.store("film.gif", film())
    answer = await shared.http.get("/view?filename=film.gif&preview=webp;90")
    picture = Image.open(io.BytesIO(answer.content))
    assert (answer.status_code, picture.size, getattr(picture, "n_frames", 1)) == (200, (64, 64), 1)


async def test_s17_a_mask_cannot_be_a_bomb_nor_its_original(shared: Gateway) -> None:
    await shared.store("bomb.png", BOMBS["larger than any screen"])
    await shared.store("plain.png", saved(Image.new("RGB", (8, 8)), "PNG"))
    for original in ("bomb.png", "plain.png"):
        answer = await shared.http.post(
            "/upload/mask",
            files={"image": ("m.png", BOMBS["larger than any screen"], "image/png")},
            data={"original_ref": json.dumps({"filename": original})},
        )
        assert answer.status_code == 400
        assert "too many pixels" in answer.json()["error"]["message"]


async def test_s17_the_largest_picture_that_may_be_is_converted_outside_of_the_gateway(shared: Gateway) -> None:
    await shared.store("large.png", saved(Image.new("RGBA", (8192, MAX_PIXELS // 8192), (9, 8, 7, 6)), "PNG"))
    before = psutil.Process().memory_info().rss
    answer = await shared.http.get("/view?filename=large.png&preview=jpeg;50")
    assert Image.open(io.BytesIO(answer.content)).size == (8192, MAX_PIXELS // 8192)
    assert psutil.Process().memory_info().rss - before < 20 << 20


async def test_s17_a_picture_that_fits_no_webp_is_refused(shared: Gateway) -> None:
    await shared.store("wide.png", saved(Image.new("L", (20_000, 2)), "PNG"))
    answer = await shared.http.get("/view?filename=wide.png&preview=webp")
    assert answer.status_code == 400
    assert "format" in answer.json()["error"]["message"]
