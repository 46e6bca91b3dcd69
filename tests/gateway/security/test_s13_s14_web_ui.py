"""The folders of the web UI are all of our disk that can be seen: no name and no link leads out of them (S13, S14)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.stack import Gateway, gateway
from tests.gateway.web_ui.site import install

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway with a build that has secrets around it, and links to them in it."""
    site = tmp_path_factory.mktemp("site")
    build = install(site)
    (site / "secret.js").write_text("secret")
    (build.parent / "static-of-another").mkdir()
    (build.parent / "static-of-another" / "secret.js").write_text("secret")
    (build / "link.js").symlink_to(site / "secret.js")
    (build / "folder").symlink_to(site)
    async with gateway(front_end=str(build)) as running:
        yield running


@pytest.mark.parametrize("before", ["/", "/assets/", "/templates/", "/docs/", "/extensions/", "/extensions/core/"])
@pytest.mark.parametrize(
    "name",
    [
        "%2e%2e/private.txt",
        "%2e%2e/%2e%2e/private.txt",
        "%2e%2e%2f%2e%2e%2fsecret.js",
        "..%2f..%2fsecret.js",
        "%2e%2e/static-of-another/secret.js",
        "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..%5c..%5csecret.js",
        "a%00.js",
        "x" * 5000,
        "link.js",
        "folder/secret.js",
    ],
)
async def test_nothing_outside_is_reachable(served: Gateway, before: str, name: str) -> None:
    answer = await served.http.get(before + name)
    assert (answer.status_code, answer.content) == (404, b"")
