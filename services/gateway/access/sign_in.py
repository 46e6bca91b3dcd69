"""How a browser comes to show a key: a page that asks for it, and a cookie that keeps it.

The official web UI knows nothing of keys, but a browser sends cookies with whatever it asks for, sockets included.
"""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from services.gateway.access.credentials import COOKIE, without_key
from services.gateway.bodies import whole

#: Where the page's form goes, and what ends it.
SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"

#: Seconds for which a browser keeps a key.
KEPT_FOR = 30 * 86_400

MAX_FORM_BYTES = 16 << 10

_PAGE = (Path(__file__).parents[1] / "static" / "sign_in.html").read_text()

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_page_wanted(connection: HTTPConnection) -> bool:
    """Whether somebody looks at this in a browser."""
    return connection.scope.get("method") == "GET" and "text/html" in connection.headers.get("accept", "")


def page(next_path: str, problem: str = "") -> Response:
    """The page that asks for a key, to go on at `next_path`; says what was wrong with the one before."""
    text = _PAGE.replace("{next}", html.escape(_local(next_path))).replace("{problem}", html.escape(problem))
    return Response(text, 401, headers=_HEADERS, media_type="text/html")


async def form(request: Request) -> tuple[str, str]:
    """The key that was typed in, and where to go on.

    Raises:
        BodyTooLarge: this was no form of ours.
    """
    body = await whole(request, MAX_FORM_BYTES)
    fields = parse_qs(body.decode("utf-8", "replace"))
    return fields.get("key", [""])[0].strip(), _local(fields.get("next", ["/"])[0])


def signed_in(connection: HTTPConnection, key: str, next_path: str) -> Response:
    """Have the browser keep a key, and go on."""
    response = RedirectResponse(_local(next_path), 303, headers=_HEADERS)
    is_secure = connection.scope["scheme"] in ("https", "wss")
    response.set_cookie(COOKIE, key, max_age=KEPT_FOR, httponly=True, samesite="strict", secure=is_secure)
    return response


def signed_out() -> Response:
    """Have the browser forget the key."""
    response = RedirectResponse("/", 303, headers=_HEADERS)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def path_of(connection: HTTPConnection) -> str:
    """Where a request goes, without the key in its address."""
    query = without_key(connection.scope)
    return connection.url.path + (f"?{query}" if query else "")


def _local(path: str) -> str:
    """A path of ours; "/" for what leads elsewhere, as "//host" and "/\\host" do."""
    is_ours = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()
    return path if is_ours else "/"
