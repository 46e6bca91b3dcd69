"""`/openapi.json`: the document of all routes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.operations import NOTHING, Operation, json, operation
from services.gateway.prepared import Prepared


def document_of(document: Callable[[], dict[str, Any]]) -> Operation:
    """The handler that shows a document of routes, which may be among them: it is made when it is first asked for."""

    @cache
    def prepared() -> Prepared:
        body = msgspec.json.encode(document())
        return Prepared(hashlib.sha256(body).hexdigest(), body)

    @operation("getDocument", "system", answers={200: json(dict[str, Any]), 304: NOTHING})
    async def show(backends: Backends, request: Request) -> Response:
        """This document."""
        return prepared().answer(request)

    return show
