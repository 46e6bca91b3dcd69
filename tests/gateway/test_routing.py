"""Paths and methods, existing and not."""

from __future__ import annotations

import pytest

from services.gateway.routes.table import ROUTES
from tests.gateway.stack import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONCRETE = {
    "{prompt_id:path}": "x",
    "{node_class:path}": "EmptyImage",
    "{folder}": "loras",
    "{path:path}": "mine/x.js",
    "{job_id:path}": "x",
    "{id:uuid}": "00000000-0000-0000-0000-000000000000",
}


def concrete(path: str) -> str:
    for template, value in CONCRETE.items():
        path = path.replace(template, value)
    return path


@pytest.mark.parametrize("path", [concrete(endpoint.path) for endpoint in ROUTES if "GET" in endpoint.methods])
async def test_every_path_exists_with_and_without_its_prefix(shared: Gateway, path: str) -> None:
    plain, prefixed = [await shared.http.get(prefix + path) for prefix in ("", "/api")]
    assert plain.status_code == prefixed.status_code
    if not path.endswith("mine/x.js"):
        assert plain.status_code != 404 or plain.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "path", ["/no/such/path", "/api/no/such/path", "/queue/", "/models/", "/api", "/upload/image", "/%2e%2e/etc/passwd"]
)
async def test_what_does_not_exist_is_not_found_and_says_nothing(shared: Gateway, path: str) -> None:
    answer = await shared.http.get(path)
    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["content-type"] == "application/octet-stream"


async def test_internal_paths_are_not_found_in_words(shared: Gateway) -> None:
    answer = await shared.http.get("/internal/nothing")
    assert (answer.status_code, answer.text) == (404, "404: Not Found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/system_stats", "GET,HEAD"),
        ("DELETE", "/queue", "GET,HEAD,POST"),
        ("PUT", "/upload/image", "POST"),
        ("POST", "/no/such/path", "GET,HEAD"),
        ("PATCH", "/prompt", "GET,HEAD,POST"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_refused(
    shared: Gateway, method: str, path: str, allow: str
) -> None:
    answer = await shared.http.request(method, path)
    assert (answer.status_code, answer.text) == (405, "405: Method Not Allowed")
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/prompt", "/no/such/path", "/upload/image"])
async def test_options_are_always_welcome(shared: Gateway, path: str) -> None:
    answer = await shared.http.options(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/system_stats", "/queue", "/history", "/object_info", "/"])
async def test_head_has_the_length_of_what_get_answers(shared: Gateway, path: str) -> None:
    head, got = await shared.http.head(path), await shared.http.get(path)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_the_status_page_runs_its_own_script_and_nothing_else(shared: Gateway) -> None:
    answer = await shared.http.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy
    assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")
