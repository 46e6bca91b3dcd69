"""What ComfyUI was recorded to answer to uploads, to views, and to pages from elsewhere, and what can be compared.

`recorded/views.json` has the files that were shown, in hex, and the requests; `recorded/uploads.json` forms whose
pictures are named, since only their sizes were recorded, and texts where they were; `recorded/origins.json` requests
by the page that a browser makes them for.
"""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.recordings import RECORDED, Outcome

Case = dict[str, Any]

_VIEWS = json.loads((RECORDED / "views.json").read_bytes())
_UPLOADS = json.loads((RECORDED / "uploads.json").read_bytes())

#: The files that were shown, by kind and path.
SHOWN: dict[str, bytes] = {name: bytes.fromhex(content) for name, content in _VIEWS["files"].items()}

#: What became of the first mask.
MASKED: dict[str, Any] = _UPLOADS["masked"]


def _labelled(what: str, cases: list[Case]) -> list[Case]:
    return [{**case, "label": f"{what}: {case['label']}"} for case in cases]


VIEWS = _labelled("view", _VIEWS["cases"])
UPLOADS = _labelled("upload", _UPLOADS["cases"])
ORIGINS = _labelled("origin", json.loads((RECORDED / "origins.json").read_bytes()))


def recorded_outcome(case: Case) -> Outcome:
    """What ComfyUI answered."""
    answer: Outcome = case["answer"] if "method" in case and "answer" in case else {"status": case["status"]}
    if "method" not in case and "answer" in case:
        answer["answer"] = case["answer"]
    return answer


def view_outcome(case: Case, answer: httpx.Response) -> Outcome:
    """What we answered to a view."""
    if answer.is_client_error and answer.content:
        return refused(answer)
    headers = answer.headers
    names = ("content-type", "content-disposition", "content-range")
    outcome: Outcome = {"status": answer.status_code, **{name: headers[name] for name in names if name in headers}}
    if answer.is_success and case["method"] == "GET":
        outcome["validators"] = all(name in headers for name in ("etag", "last-modified", "accept-ranges"))
        outcome |= _content(case["answer"], answer.content)
    return outcome


def upload_outcome(answer: httpx.Response) -> Outcome:
    """What we answered to an upload."""
    return refused(answer) if answer.is_client_error else {"status": answer.status_code, "answer": answer.json()}


def refused(answer: httpx.Response) -> Outcome:
    """A refusal of ours, which has the documented shape."""
    return {"status": answer.status_code, "refused as": answer.json()["error"]["type"]}


def upload_request(case: Case) -> dict[str, Any]:
    """The request of an upload, as arguments of httpx."""
    if "form" not in case:
        headers = {"Content-Type": case["content_type"]} if case["content_type"] else {}
        return {"content": case["text"].encode(), "headers": headers}
    form = case["form"]
    disposition = f'Content-Disposition: form-data; name="{form["field"]}"; filename="{form["filename"]}"'
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{it}'.encode() for name, it in form["fields"].items()
    ]
    parts.append(disposition.encode() + b"\r\nContent-Type: image/png\r\n\r\n" + uploaded(form["content"]))
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
    return {"content": body, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


def uploaded(name: str) -> bytes:
    """A picture of the recorded forms."""
    pictures = {
        "A": Image.new("RGBA", (16, 16), (1, 2, 3, 4)),
        "B": Image.new("RGB", (16, 16), (5, 6, 7)),
        "C": Image.new("RGB", (16, 16), (8, 9, 10)),
        "base": Image.new("RGB", (32, 32), (10, 20, 30)),
        "mask": Image.new("RGBA", (32, 32), (0, 0, 0, 77)),
        "small mask": Image.new("RGBA", (16, 16), (0, 0, 0, 77)),
    }
    texts = PngInfo()
    for key, text in MASKED["text"].items() if name == "base" else ():
        texts.add_text(key, text)
    buffer = io.BytesIO()
    pictures[name].save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def _content(recorded: Outcome, content: bytes) -> Outcome:
    """A content in the way in which it was recorded."""
    if "picture" in recorded:
        with Image.open(io.BytesIO(content)) as picture:
            pixel: Any = picture.getpixel((0, 0))
            facts = {"format": picture.format, "mode": picture.mode, "size": list(picture.size), "pixel": list(pixel)}
        return {"picture": facts}
    return {"body": f"{len(content)} bytes" if "content-range" in recorded else content.decode()}
