"""Whether an answer is one that the document of the API knows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from starlette.routing import compile_path

from services.gateway.openapi import build_document
from services.gateway.routes.table import INTERNAL_ROUTES, PREFIX, ROUTES

DOCUMENT = build_document(ROUTES, INTERNAL_ROUTES, PREFIX)


async def check_answer(response: httpx.Response) -> None:
    """Fail when a documented operation gave an answer that is not documented; to be hooked into a client."""
    operation = _operation(response.request.method, response.request.url.path)
    if operation is None:
        return
    answer = operation["responses"].get(str(response.status_code))
    said = f"{response.request.method} {response.request.url}: {response.status_code}"
    assert answer is not None, f"{said} is not documented"
    content = _resolved(answer).get("content", {})
    if content:
        await _check_content(response, content, said)
    else:
        assert "content-type" not in response.headers or not await response.aread(), f"{said} has a body"


async def _check_content(response: httpx.Response, content: Mapping[str, Any], said: str) -> None:
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if media_type not in content:
        # The refusal of a foreign origin says nothing.
        assert "*/*" in content or (response.status_code == 403 and not await response.aread()), f"{said}: {media_type}"
    elif media_type == "application/json":
        await response.aread()
        errors = list(_validator(media_type, response.status_code, content).iter_errors(response.json()))
        assert not errors, f"{said}: {errors[0]}"


def _validator(media_type: str, status: int, content: Mapping[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**content[media_type]["schema"], "components": DOCUMENT["components"]})


def _resolved(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in answer:
        return answer
    found: Mapping[str, Any] = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return found


@cache
def _operation(method: str, path: str) -> Mapping[str, Any] | None:
    """What the document says of a request; None for a path or method that it does not have."""
    found: Mapping[str, Mapping[str, Any]] = next((item for pattern, item in _PATHS if pattern.fullmatch(path)), {})
    return found.get(method.lower())


_PATHS = [
    (compile_path(prefix + endpoint.path)[0], DOCUMENT["paths"][compile_path(endpoint.path)[1]])
    for endpoints, prefixes in ((ROUTES, ("", PREFIX)), (INTERNAL_ROUTES, ("",)))
    for endpoint in endpoints
    for prefix in prefixes
]
