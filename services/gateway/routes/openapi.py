"""`/openapi.json`: the document of all routes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.openapi import build_document
from services.gateway.operations import NOTHING, Operation, json, operation
from services.gateway.prepared import Prepared
from services.gateway.resource import Endpoint


def document_of(routes: Callable[[], Iterable[Endpoint]], prefix: str) -> Operation:
    """The handler that shows the document of `routes`, which may be among them."""

    @cache
    def prepared() -> Prepared:
        body = msgspec.json.encode(build_document(routes(), prefix))
        return Prepared(hashlib.sha256(body).hexdigest(), body)

    @operation("getDocument", "system", answers={200: json(dict[str, Any]), 304: NOTHING})
    async def show(backends: Backends, request: Request) -> Response:
        """This document."""
        return prepared().answer(request)

    return show
