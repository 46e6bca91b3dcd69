"""S8, S9, S12: what a foreign page makes a visitor's browser send to the visitor's own network (CVE-2024-10481)."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import websockets

from tests.gateway.stack import GRAPH, Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Host, Origin, and whether they go together.
PAIRS = [
    ("127.0.0.1:8188", None, True),
    ("127.0.0.1:8188", "http://127.0.0.1:8188", True),
    ("127.0.0.1:8188", "https://127.0.0.1:8188", True),
    ("127.0.0.1:8188", "http://127.0.0.1", True),
    ("127.0.0.1", "http://127.0.0.1:1234", True),
    ("localhost:8188", "http://LOCALHOST:8188", True),
    ("[::1]:8188", "http://[::1]:8188", True),
    ("127.0.0.1:8188", "null", True),
    ("10.1.2.3:8188", "http://10.1.2.3:8188", True),
    ("gpu.local:8188", "http://gpu.local:8188", True),
    ("10.1.2.3:8188", "http://evil.example", False),
    ("gpu:8188", "http://evil.example", False),
    ("127.0.0.1:8188", "http://evil.example", False),
    ("127.0.0.1:8188", "http://127.0.0.1:9999", False),
    ("127.0.0.1:8188", "http://localhost:8188", False),
    ("127.0.0.1:8188", "http://127.0.0.1.evil.example:8188", False),
    ("127.0.0.1:8188", "http://evil.example:port", False),
    ("127.0.0.1:8188", "http://[evil", False),
    ("localhost:8188", "http://evil.example", False),
    ("a.localhost:8188", "http://evil.example", False),
    ("[::1]:8188", "http://evil.example", False),
    ("127.7.7.7", "http://evil.example", False),
    ("0.0.0.0:8188", "http://evil.example", False),
    ("[::ffff:127.0.0.1]:8188", "http://evil.example", False),
    ("localhost.:8188", "http://evil.example", False),
]


@pytest.mark.parametrize(("host", "origin", "welcome"), PAIRS)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/queue"), ("POST", "/prompt"), ("OPTIONS", "/prompt"), ("GET", "/no/such/path")]
)
async def test_foreign_origins_are_refused(
    shared: Gateway, method: str, path: str, host: str, origin: str | None, welcome: bool
) -> None:
    headers = {"Host": host, **({"Origin": origin} if origin else {})}
    answer = await shared.http.request(method, path, headers=headers)
    assert (answer.status_code != 403) is welcome
    if not welcome:
        assert answer.content == b""


async def test_a_foreign_page_opens_no_socket(shared: Gateway) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"ws://127.0.0.1:{shared.port}/ws", origin="http://evil.example", proxy=None)  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403


async def test_a_foreign_page_queues_nothing(shared: Gateway) -> None:
    before = (await shared.http.get("/history")).json()
    answer = await shared.http.post("/prompt", json={"prompt": GRAPH}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert (await shared.http.get("/history")).json() == before


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
async def test_a_foreign_page_that_embeds_the_address_interrupts_nothing(
    shared: Gateway, site: str, status: int
) -> None:
    answer = await shared.http.get("/interrupt", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == status


async def test_names_that_strangers_choose_are_not_resolved(shared: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        pytest.fail("a name was resolved")

    await shared.http.get("/prompt")
    for function in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getfqdn"):
        monkeypatch.setattr(socket, function, resolve)
    for host in ("slow.example:8188", "slow:8188"):
        for origin in ("http://slow.example", "http://slow:8188", "null"):
            await shared.http.get("/prompt", headers={"Host": host, "Origin": origin})
