"""`/upload/mask` over HTTP."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from services.files.records import FileKind
from tests.gateway.stack import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE = (8, 4)


def png(color: tuple[int, ...], size: tuple[int, int] = SIZE, texts: dict[str, str] | None = None) -> bytes:
    info = PngInfo()
    for key, text in (texts or {}).items():
        info.add_text(key, text)
    buffer = io.BytesIO()
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


MASK = png((9, 9, 9, 77))


async def mask(
    gateway: Gateway, reference: Any, content: bytes = MASK, name: str = "m.png", **fields: str
) -> httpx.Response:
    if reference is not None:
        fields["original_ref"] = reference if isinstance(reference, str) else json.dumps(reference)
    return await gateway.http.post("/upload/mask", files={"image": (name, content, "image/png")}, data=fields)


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ({"filename": "base.png", "type": "input"}, FileKind.INPUT),
        ({"filename": "base.png [input]"}, FileKind.INPUT),
        ({"filename": "base.png", "subfolder": "", "type": "output"}, FileKind.OUTPUT),
        ({"filename": "base.png"}, FileKind.OUTPUT),
    ],
)
async def test_the_original_gets_the_transparency_of_the_mask(shared: Gateway, reference: Any, kind: FileKind) -> None:
    await shared.store("base.png", png((1, 2, 3), texts={"workflow": "kept"}), kind)
    answer = await mask(shared, reference, subfolder="clipspace", overwrite="true")
    assert answer.json() == {"name": "m.png", "subfolder": "clipspace", "type": "input"}
    stored = await shared.http.get("/view?filename=m.png&subfolder=clipspace&type=input")
    picture: Any = Image.open(io.BytesIO(stored.content))
    assert picture.getpixel((0, 0)) == (1, 2, 3, 77)
    assert picture.text == {"workflow": "kept"}


@pytest.mark.parametrize(
    ("reference", "content", "status", "named"),
    [
        (None, MASK, 400, "original_ref"),
        ("not json", MASK, 400, "original_ref"),
        ("[1]", MASK, 400, "original_ref"),
        ({"filename": 5}, MASK, 400, "filename"),
        ({}, MASK, 404, "filename"),
        ({"filename": "../../x.png"}, MASK, 400, "filename"),
        ({"filename": "x.png", "subfolder": "../.."}, MASK, 403, "subfolder"),
        ({"filename": "x.png", "type": "bogus"}, MASK, 400, "type"),
        ({"filename": "nowhere.png"}, MASK, 404, "nowhere.png"),
        ({"filename": "small.png"}, MASK, 400, "large"),
        ({"filename": "fits.png"}, b"zzz", 400, "picture"),
        ({"filename": "text.png"}, MASK, 400, "picture"),
    ],
)
async def test_masks_that_do_not_fit_are_refused_and_leave_nothing(
    shared: Gateway, reference: Any, content: bytes, status: int, named: str
) -> None:
    await shared.store("small.png", png((1, 2, 3), (2, 2)))
    await shared.store("fits.png", png((1, 2, 3)))
    await shared.store("text.png", b"no picture")
    answer = await mask(shared, reference, content, "refused.png")
    assert answer.status_code == status
    assert named in answer.json()["error"]["details"]
    assert (await shared.http.get("/view?filename=refused.png&type=input")).status_code == 404
