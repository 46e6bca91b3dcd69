"""S10, S11: names that strangers let point at this machine, and pages that say they come from nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.errors import InvalidArgument
from services.gateway.origin import Welcome
from tests.gateway.stack import GRAPH, Gateway, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = ["127.0.0.1:8188", "10.1.2.3:8188", "[::1]:8188", "[fe80::1]", "localhost", "a.localhost:1", "gpu", "gpu.local"]
HERE += ["queue.prod.internal:8188", "nas.home.arpa", "LOCALHOST:8188", "localhost."]
ELSEWHERE = [
    "evil.example",
    "evil.example:8188",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.local.example",
]
ELSEWHERE += ["evil.example.", "10.1.2.3.nip.io:8188", "a.b:port", "[evil"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_to_some() -> AsyncIterator[Gateway]:
    """A gateway that answers to a name, and lets a page from elsewhere in."""
    async with gateway(allowed_hosts="Comfy.example, other.example", allowed_origins="https://Studio.example") as some:
        yield some


@pytest.mark.parametrize("host", HERE)
async def test_s10_addresses_and_names_of_nobody_else_are_answered_to(shared: Gateway, host: str) -> None:
    assert (await shared.http.get("/queue", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ELSEWHERE)
@pytest.mark.parametrize("path", ["/queue", "/", "/no/such/path"])
async def test_s10_other_names_are_not(shared: Gateway, host: str, path: str) -> None:
    for origin in ({}, {"Origin": f"http://{host}"}, {"Origin": "null"}):
        answer = await shared.http.get(path, headers={"Host": host, **origin})
        assert answer.status_code == 403
        assert "allowed-hosts" in answer.json()["error"]["message"]


async def test_s10_sockets_keep_to_the_same_names(shared: Gateway) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = {"Host": "evil.example", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **upgrade}
    assert (await shared.http.get("/ws", headers=headers)).status_code == 403


async def test_s10_operators_say_which_names_are_theirs(open_to_some: Gateway) -> None:
    for host, status in [("comfy.example", 200), ("OTHER.example:80", 200), ("third.example", 403), ("*", 200)]:
        assert (await open_to_some.http.get("/queue", headers={"Host": host})).status_code == status
    async with gateway(allowed_hosts="*") as any_name:
        assert (await any_name.http.get("/queue", headers={"Host": "third.example"})).status_code == 200


@pytest.mark.parametrize(
    ("site", "status"), [(None, 200), ("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403)]
)
async def test_s11_a_page_without_an_origin_is_let_in_unless_its_browser_calls_it_foreign(
    shared: Gateway, site: str | None, status: int
) -> None:
    headers = {"Origin": "null", **({"Sec-Fetch-Site": site} if site else {})}
    answer = await shared.http.post("/prompt", json={"prompt": GRAPH}, headers=headers)
    assert answer.status_code == status


async def test_s9_pages_of_allowed_origins_may_ask_and_read(open_to_some: Gateway) -> None:
    origin = {"Origin": "https://studio.example"}
    preflight = {**origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        await open_to_some.http.options("/prompt", headers=preflight),
        await open_to_some.http.post("/prompt", json={"prompt": GRAPH}, headers=origin),
        await open_to_some.http.post("/prompt", content=b"{", headers=origin),
        await open_to_some.http.get("/object_info", headers=origin),
        await open_to_some.http.get("/no/such/path", headers=origin),
    ):
        assert answer.status_code != 403
        assert answer.headers["access-control-allow-origin"] == "https://studio.example"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "Content-Type" in answer.headers["access-control-allow-headers"]
        assert "Origin" in answer.headers["vary"]


async def test_s9_other_pages_may_neither(open_to_some: Gateway) -> None:
    for origin in ("https://studio.example.evil", "http://studio.example", "https://studio.example:444"):
        answer = await open_to_some.http.get("/queue", headers={"Origin": origin})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    own = await open_to_some.http.get("/queue")
    assert "access-control-allow-origin" not in own.headers
    assert own.headers["vary"] == "Origin"  # caches must not give it to the page of an allowed origin


@pytest.mark.parametrize("origins", ["*", "https://*.example", "studio.example", "https://", "https://a.example/path"])
async def test_s9_what_is_no_origin_cannot_be_allowed(origins: str) -> None:
    with pytest.raises(InvalidArgument, match="allowed-origins"):
        Welcome.parse("", origins)
