"""Requests with and without keys."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
import websockets

from services.gateway.access.gate import ACT_AS
from services.gateway.routes.table import INTERNAL_ROUTES, PREFIX, ROUTES
from services.queue.logs import LogLine, LogLines
from tests.gateway.access.conftest import MakeKey
from tests.gateway.stack import Gateway, gateway

#: That anybody may ask.
OPEN = {"/health", "/health/live", "/ready"}

PATHS = sorted(
    (method, prefix + endpoint.path)
    for endpoint in (*ROUTES, *INTERNAL_ROUTES)
    for prefix in ("", PREFIX)
    for method in endpoint.methods
    if endpoint.path not in OPEN
)


async def test_no_route_answers_without_a_key(guarded: Gateway) -> None:
    for method, path in PATHS:
        filled = path.replace("{id:uuid}", "b96e471d-2a8f-4b4c-95af-e895878351ce").replace(":path}", "}")
        answer = await guarded.http.request(method, filled.replace("{", "").replace("}", ""))
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "a key is needed" in answer.json()["error"]["message"]
    for path in ("/nothing/here", "/assets/index.js", "/extensions/pack/x.js", "/../queue"):
        assert (await guarded.http.get(path)).status_code == 401


@pytest.mark.parametrize("path", sorted(OPEN))
async def test_strangers_hear_whether_it_works_and_no_more(guarded: Gateway, make_key: MakeKey, path: str) -> None:
    told = (await guarded.http.get(path)).raise_for_status().json()
    assert not told.get("services") and not told.get("reasons") and not told.get("version")
    more = (await guarded.http.get(path, headers={"X-API-Key": await make_key("alice")})).json()
    assert path != "/health" or more["services"] == {"queue": "ok", "files": "ok"}


async def test_a_key_opens_wherever_it_is_shown(guarded: Gateway, make_key: MakeKey) -> None:
    key = await make_key("alice")
    shown: list[dict[str, dict[str, str]]] = [
        {"headers": {"X-API-Key": key}},
        {"headers": {"Authorization": f"Bearer {key}"}},
        {"headers": {"authorization": f"bearer  {key}"}},
        {"headers": {"Authorization": "Basic dXNlcjpwYXNz", "X-API-Key": key}},
        {"params": {"token": key}},
        {"headers": {"Cookie": f"a=b; silverprint-key={key}"}},
    ]
    for how in shown:
        assert (await guarded.http.get("/queue", **how)).status_code == 200, how  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["x", "sp_0123456789ab_" + "A" * 43, "sp_", "é"])
async def test_what_is_no_key_opens_nothing_and_is_not_repeated(guarded: Gateway, key: str) -> None:
    answers = [
        await guarded.http.get("/queue", headers=[(b"X-API-Key", key.encode())]),
        await guarded.http.get("/queue", params={"token": key}),
    ]
    for answer in answers:
        assert answer.status_code == 401
        assert key not in answer.json()["error"]["message"] or key == "x"


async def test_the_key_in_an_address_goes_no_further(guarded: Gateway, make_key: MakeKey) -> None:
    """`max_items` is read, the key is not passed on to whatever reads the query."""
    key = await make_key("alice")
    answer = await guarded.http.get("/history", params={"token": key, "max_items": "x"})
    assert answer.status_code == 400
    assert key not in answer.text


async def test_sockets_need_a_key(guarded: Gateway, make_key: MakeKey) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with guarded.socket("me"):
            pass
    assert refused.value.response.status_code == 401
    key = await make_key("alice")
    async with websockets.connect(f"ws://127.0.0.1:{guarded.port}/ws?clientId=me&token={key}", proxy=None) as socket:
        assert json.loads(await socket.recv())["type"] == "status"
    headers = {"Authorization": f"Bearer {key}"}
    async with websockets.connect(
        f"ws://127.0.0.1:{guarded.port}/ws?clientId=me", proxy=None, additional_headers=headers
    ) as socket:
        assert json.loads(await socket.recv())["type"] == "status"


async def test_a_revoked_key_opens_nothing_soon_after(
    guarded: Gateway, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.access.known_keys.FRESH", 0.0)
    key = await make_key("alice")
    assert (await guarded.http.get("/queue", headers={"X-API-Key": key})).status_code == 200
    await guarded.queue.api_keys.revoke(key.split("_")[1])
    assert (await guarded.http.get("/queue", headers={"X-API-Key": key})).status_code == 401


async def test_admins_alone_see_and_change_what_concerns_everybody(guarded: Gateway, make_key: MakeKey) -> None:
    user, admin = await make_key("alice"), await make_key("root", admin=True)
    for method, path, body in [
        ("GET", "/internal/logs", None),
        ("GET", "/internal/logs/raw", None),
        ("GET", "/internal/folder_paths", None),
        ("PATCH", "/internal/logs/subscribe", {"enabled": True, "clientId": "me"}),
        ("POST", "/free", {"unload_models": True}),
        ("GET", "/metrics", None),
    ]:
        refused = await guarded.http.request(method, path, json=body, headers={"X-API-Key": user})
        assert refused.status_code == 403, path
        assert "admins" in refused.json()["error"]["message"]
        allowed = await guarded.http.request(method, path, json=body, headers={"X-API-Key": admin})
        assert allowed.status_code == 200, (path, allowed.text)


async def test_an_admin_is_told_the_lines_that_they_asked_for(guarded: Gateway, make_key: MakeKey) -> None:
    key = await make_key("root", admin=True)
    address = f"ws://127.0.0.1:{guarded.port}/ws?clientId=me&token={key}"
    async with websockets.connect(address, proxy=None) as socket, asyncio.timeout(20):
        await socket.recv()
        body = {"clientId": "me", "enabled": True}
        headers = {"X-API-Key": key}
        (await guarded.http.patch("/internal/logs/subscribe", json=body, headers=headers)).raise_for_status()
        guarded.executor.say(LogLines((LogLine(written_at=1.0, text="a line\n"),)))
        while (told := json.loads(await socket.recv()))["type"] != "logs":
            pass
    assert told["data"]["entries"][0]["m"] == "a line\n"


async def test_nobody_makes_users_but_who_makes_keys(guarded: Gateway, make_key: MakeKey) -> None:
    for key in (await make_key("alice"), await make_key("root", admin=True)):
        answer = await guarded.http.post("/users", json={"username": "bob"}, headers={"X-API-Key": key})
        assert answer.status_code == 403
        assert "silverprint keys create" in answer.json()["error"]["message"]


async def test_an_admin_may_speak_for_a_user_and_nobody_else_may(guarded: Gateway, make_key: MakeKey) -> None:
    alice, root = await make_key("alice"), await make_key("root", admin=True)
    as_alice = {"X-API-Key": root, ACT_AS: "alice"}
    (await guarded.http.post("/settings", json={"x": 1}, headers=as_alice)).raise_for_status()
    assert (await guarded.http.get("/settings", headers={"X-API-Key": alice})).json() == {"x": 1}
    assert (await guarded.http.get("/settings", headers={"X-API-Key": root})).json() == {}
    assert (await guarded.http.get("/settings", headers={"X-API-Key": alice, ACT_AS: "alice"})).status_code == 200
    assert (await guarded.http.get("/settings", headers={"X-API-Key": alice, ACT_AS: "root"})).status_code == 403
    assert (await guarded.http.get("/settings", headers={"X-API-Key": root, ACT_AS: "../x"})).status_code == 403


async def test_a_key_brings_so_many_requests_a_minute(guarded: Gateway, make_key: MakeKey) -> None:
    key, other = await make_key("alice", requests_per_minute=3), await make_key("alice")
    statuses = [(await guarded.http.get("/queue", headers={"X-API-Key": key})).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = await guarded.http.get("/queue", headers={"X-API-Key": key})
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert (await guarded.http.get("/queue", headers={"X-API-Key": other})).status_code == 200


async def test_a_preflight_needs_no_key() -> None:
    async with gateway(keys=True, allowed_origins="https://studio.example") as served:
        headers = {"Origin": "https://studio.example", "Access-Control-Request-Method": "POST"}
        answer = await served.http.options("/prompt", headers=headers)
        assert answer.status_code == 200
        assert "X-API-Key" in answer.headers["Access-Control-Allow-Headers"]


async def test_a_page_is_asked_for_a_key_and_the_browser_keeps_it(guarded: Gateway, make_key: MakeKey) -> None:
    key = await make_key("alice")
    base = f"http://127.0.0.1:{guarded.port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, headers={"Accept": "text/html"}) as browser:
        page = await browser.get("/?workflow=a%26b")
        assert page.status_code == 401
        assert 'value="/?workflow=a%26b"' in page.text
        assert "form-action 'self'" in page.headers["Content-Security-Policy"]
        wrong = await browser.post("/sign-in", data={"key": "x", "next": "/"})
        assert wrong.status_code == 401
        assert "not a key" in wrong.text
        right = await browser.post("/sign-in", data={"key": f" {key} ", "next": "/?workflow=a%26b"})
        assert (right.status_code, right.headers["Location"]) == (303, "/?workflow=a%26b")
        cookie = right.headers["Set-Cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and "secure" not in cookie
        assert (await browser.get("/")).status_code == 200
        assert (await browser.get("/queue", headers={"Accept": "*/*"})).status_code == 200
        assert (await browser.post("/sign-out")).status_code == 303
        assert (await browser.get("/")).status_code == 401


async def test_a_link_with_a_key_signs_a_browser_in(guarded: Gateway, make_key: MakeKey) -> None:
    key = await make_key("alice")
    base = f"http://127.0.0.1:{guarded.port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, headers={"Accept": "text/html"}) as browser:
        link = await browser.get("/", params={"token": key, "a": "1"})
        assert (link.status_code, link.headers["Location"]) == (303, "/?a=1")
        assert link.headers["Referrer-Policy"] == "no-referrer"
        assert (await browser.get("/?a=1")).status_code == 200


@pytest.mark.parametrize("elsewhere", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\r\nX: y"])
async def test_signing_in_leads_nowhere_else(guarded: Gateway, make_key: MakeKey, elsewhere: str) -> None:
    answer = await guarded.http.post("/sign-in", data={"key": await make_key("alice"), "next": elsewhere})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


async def test_a_page_of_another_site_cannot_use_the_key_of_a_browser(guarded: Gateway, make_key: MakeKey) -> None:
    """S11: the check is for cookies alone; who shows a key in a header is no browser that was tricked."""
    key = await make_key("alice")
    for site, status in [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)]:
        headers = {"Cookie": f"silverprint-key={key}", "Sec-Fetch-Site": site}
        assert (await guarded.http.get("/queue", headers=headers)).status_code == status, site
    headers = {"X-API-Key": key, "Sec-Fetch-Site": "cross-site"}
    assert (await guarded.http.get("/queue", headers=headers)).status_code == 200
