"""The document of the API: true to the routes, and to OpenAPI."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.gateway.openapi import build_document
from services.gateway.operations import Operation
from services.gateway.routes.table import INTERNAL_ROUTES, PREFIX, ROUTES
from tests.gateway.stack import Gateway

#: Handlers that have no description yet. A new one is declared with `services.gateway.operations.operation`.
UNDOCUMENTED: set[tuple[str, str]] = set()

HANDLERS = {
    (method, endpoint.path): handler
    for endpoint in (*ROUTES, *INTERNAL_ROUTES)
    for method, handler in endpoint.methods.items()
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_document(ROUTES, INTERNAL_ROUTES, PREFIX)


def test_exactly_the_handlers_said_to_be_undocumented_are() -> None:
    assert {key for key, handler in HANDLERS.items() if not isinstance(handler, Operation)} == UNDOCUMENTED


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [handler.operation_id for handler in HANDLERS.values() if isinstance(handler, Operation)]
    assert len(names) == len(set(names))


def test_every_operation_says_in_a_line_what_it_does(document: dict[str, Any]) -> None:
    operations = [it for path in document["paths"].values() for method, it in path.items() if method != "servers"]
    summaries = [operation["summary"] for operation in operations]
    assert all(summary and len(summary.splitlines()) <= 2 for summary in summaries)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_document_is_served_and_need_not_be_sent_twice(shared: Gateway, document: dict[str, Any]) -> None:
    answer = await shared.http.get("/openapi.json")
    assert answer.json() == document
    again = await shared.http.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
