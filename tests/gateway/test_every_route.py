"""Every route of ComfyUI, of the documents about it, and of what its clients ask for is served."""

from __future__ import annotations

import json
import re

import pytest
from starlette.routing import compile_path

from services.gateway.routes.table import INTERNAL_ROUTES, PREFIX, ROUTES
from tests.gateway.stack import RECORDED

SOURCES: dict[str, list[list[str]]] = {
    source: routes for source, routes in json.loads((RECORDED / "routes.json").read_bytes()).items() if source != "note"
}

_SERVED = [
    (compile_path(prefix + endpoint.path)[0], endpoint.methods)
    for endpoints, prefixes in ((ROUTES, ("", PREFIX)), (INTERNAL_ROUTES, ("",)))
    for endpoint in endpoints
    for prefix in prefixes
]


def is_served(method: str, path: str) -> bool:
    """Whether a handler is there for some request to this path."""
    concrete = re.sub(r"\{\w+\}", "x", path)
    known = "GET" if method == "HEAD" else method
    return any(pattern.fullmatch(concrete) and known in methods for pattern, methods in _SERVED)


@pytest.mark.parametrize("source", SOURCES)
def test_every_route_is_served(source: str) -> None:
    assert not [(method, path) for method, path in SOURCES[source] if not is_served(method, path)]


@pytest.mark.parametrize("path", ["/no/such/path", "/internal/nothing", "/api/internal/logs"])
def test_other_paths_are_not_taken_for_served(path: str) -> None:
    assert not is_served("GET", path)
