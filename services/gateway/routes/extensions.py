"""`/extensions`: what node packs have for browsers, as their executors left it with the file service."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from services.errors import InvalidArgument, NotFound
from services.files.names import parse_path
from services.files.records import FileKind, FileName
from services.gateway.backends import Backends
from services.gateway.content_types import script_headers
from services.gateway.operations import FILE, NOTHING, json, operation
from services.gateway.responses import json_response
from services.gateway.routes import web_ui
from services.gateway.stored_files import stored_file


@operation("getExtensions", "system", answers={200: json(list[str])})
async def list_scripts(backends: Backends, request: Request) -> Response:
    """The paths of all scripts, for the web UI to load: its own, then those of node packs."""
    known = await backends.packs.get()
    scripts = [
        f"/extensions/{quote(info.name.path)}"
        async for info in backends.files.walk(FileKind.EXTENSIONS, recursive=True)
        if info.name.filename.endswith(".js") and known.has_extension(_top(info.name))
    ]
    return json_response(await asyncio.to_thread(backends.web_ui.scripts) + scripts)


@operation("getExtensionFile", "system", answers=FILE | {404: NOTHING})
async def show(backends: Backends, request: Request) -> Response:
    """One file of a pack, or of the web UI's own extensions."""
    try:
        name = parse_path(FileKind.EXTENSIONS, request.path_params["path"])
        return await stored_file(backends.files, request, name, script_headers(name.filename))
    except (InvalidArgument, NotFound):
        return await web_ui.show_file(backends, request)


def _top(name: FileName) -> str:
    return PurePosixPath(name.path).parts[0]
