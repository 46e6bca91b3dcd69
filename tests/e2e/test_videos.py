"""A video made, uploaded, taken apart and looked at, through four real processes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e


def test_a_video_is_saved_uploaded_and_taken_apart(stack: Stack) -> None:
    red = {"width": 32, "height": 16, "batch_size": 4, "color": 0xFF0000}
    saving = {"filename_prefix": "video/red", "format": "auto", "codec": "auto"}
    made = stack.finished(
        stack.submit(
            {
                "1": {"class_type": "EmptyImage", "inputs": red},
                "2": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 8}},
                "3": {"class_type": "SaveVideo", "inputs": {"video": ["2", 0], **saving}},
            }
        )
    )
    shown = made["outputs"]["3"]
    assert shown["animated"] == [True]
    (saved,) = shown["images"]
    assert saved["subfolder"] == "video"

    seen = stack.client.get("/view", params=saved, headers={"Range": "bytes=4-7"})
    assert (seen.status_code, seen.headers["content-type"], seen.content) == (206, "video/mp4", b"ftyp")
    content = stack.client.get("/view", params=saved).content
    uploaded = stack.client.post("/upload/image", files={"image": ("clip.mp4", content, "video/mp4")}).json()

    apart: dict[str, Any] = {
        "1": {"class_type": "LoadVideo", "inputs": {"file": uploaded["name"]}},
        "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "frame"}},
        "4": {"class_type": "PreviewAny", "inputs": {"source": ["2", 2]}},
    }
    outputs = stack.finished(stack.submit(apart))["outputs"]
    assert outputs["4"]["text"] == ["8.0"]
    assert len(outputs["3"]["images"]) == 4
    frame = Image.open(io.BytesIO(stack.client.get("/view", params=outputs["3"]["images"][3]).content))
    assert frame.size == (32, 16)
    colour = frame.convert("RGB").getpixel((16, 8))
    assert isinstance(colour, tuple)
    assert colour[0] > 240 and max(colour[1:]) < 16
