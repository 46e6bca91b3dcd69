"""What ComfyUI was recorded to answer to requests for documents, and what of it can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import httpx

from tests.recordings import RECORDED, Outcome

Case = dict[str, Any]

_MADE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}")

#: Seconds since some time, or where a folder lay.
_TIMES = ("modified", "created")


def recorded(name: str) -> dict[str, list[Case]]:
    """Cases in the order in which they were asked, by the server that was asked."""
    cases: dict[str, list[Case]] = json.loads((RECORDED / f"{name}.json").read_bytes())
    return cases


def recorded_outcome(case: Case) -> Outcome:
    """What ComfyUI answered."""
    body = case.get("answer", case.get("answer_text", ""))
    return _comparable(case["status"], case.get("content_type"), case.get("allow"), body)


async def outcomes(client: httpx.AsyncClient, cases: Iterable[Case]) -> dict[str, Outcome]:
    """What we answer to each, one after the other; ids of users are those that were given here."""
    ids: dict[str, str] = {}
    found = {}
    for case in cases:
        answer = await client.send(_request(client, case, ids))
        body = _body(answer)
        if case["path"] == "/users" and answer.is_success and case["method"] == "POST":
            ids[case["answer"]] = body
        headers = answer.headers
        found[case["label"]] = _comparable(answer.status_code, headers.get("content-type"), headers.get("allow"), body)
    return found


def _request(client: httpx.AsyncClient, case: Case, ids: dict[str, str]) -> httpx.Request:
    headers = {name: ids.get(value, value) for name, value in case.get("headers", {}).items()}
    content = case["text"].encode() if "text" in case else b"x" * case.get("length", 0)
    request = client.build_request(case["method"], "/", headers=headers, content=content)
    # As it was sent: a URL would be normalised.
    request.url = request.url.copy_with(raw_path=case["path"].encode())
    return request


def _body(answer: httpx.Response) -> Any:
    """The content; nothing where it is a picture, which is compared nowhere."""
    content_type = answer.headers.get("content-type", "")
    if "json" in content_type:
        return answer.json()
    return "" if content_type.startswith("image/") else answer.text


def _comparable(status: int, content_type: str | None, allow: str | None, body: Any) -> Outcome:
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        return {"status": status, "refused as": body["error"]["type"]}
    return {"status": status, "content type": content_type, "allow": allow, "body": _without_chance(body)}


def _without_chance(value: Any) -> Any:
    """The same without what is different each time."""
    if isinstance(value, dict):
        return {_without_chance(key): 0 if key in _TIMES else _without_chance(it) for key, it in value.items()}
    if isinstance(value, list):
        return [_without_chance(it) for it in value]
    return _MADE.sub("<id>", value) if isinstance(value, str) else value
