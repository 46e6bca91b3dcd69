"""`/` and whatever no other route answers: the files of the web UI."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.operations import FILE, operation
from services.gateway.resource import not_found
from services.gateway.routes import status
from services.gateway.web_ui.folders import WebUi
from services.gateway.web_ui.serving import WebFile, web_file

_PAGE = "/index.html"

#: The page names the scripts of its version: no cache between us and the browser may keep it, however old.
_NEVER_KEPT = {"Pragma": "no-cache", "Expires": "0"}


@operation("getPage", "system", answers=FILE)
async def show_page(backends: Backends, request: Request) -> Response:
    """The web UI; the status page where none is installed."""
    page = await asyncio.to_thread(_found, backends.web_ui, _PAGE)
    if page is None:
        return await status.show(backends, request)
    response = await web_file(request, page, backends.compressed)
    response.headers.update(_NEVER_KEPT)
    return response


async def show_file(backends: Backends, request: Request) -> Response:
    """The file at the request's path, which can only be read; a 404 that says nothing where there is none."""
    if request.method in ("GET", "HEAD"):
        file = await asyncio.to_thread(_found, backends.web_ui, request.scope["path"])
        if file is not None:
            return await web_file(request, file, backends.compressed)
    return await not_found(backends, request)


def _found(web_ui: WebUi, path: str) -> WebFile | None:
    located = web_ui.locate(path)
    try:
        return WebFile.at(located) if located else None
    except OSError:
        return None
