"""`/settings`: what a user set in their front end, a JSON value for each id."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.files.records import FileKind, FileName
from services.gateway.backends import Backends
from services.gateway.bodies import json_object, whole
from services.gateway.operations import NOTHING, USER, json, json_body, operation
from services.gateway.raw_json import value
from services.gateway.responses import done, json_response

MAX_BYTES = 1 << 20

_NULL = msgspec.Raw(b"null")


@operation("getSettings", "user", parameters=[USER], answers={200: json(dict[str, Any])}, errors=[401, 409])
async def show(backends: Backends, request: Request) -> Response:
    """All settings."""
    user = await backends.users.of(request)
    response = json_response(await backends.documents.read(_settings_of(user)))
    backends.users.remember(response, user)
    return response


@operation("getSetting", "user", parameters=[USER], answers={200: json(Any)}, errors=[401, 409])
async def show_one(backends: Backends, request: Request) -> Response:
    """One setting; null when it was never made."""
    settings = await backends.documents.read(_settings_of(await backends.users.of(request)))
    return json_response(settings.get(request.path_params["id"], _NULL))


@operation(
    "changeSettings",
    "user",
    parameters=[USER],
    body=json_body(dict[str, Any], {"Comfy.ColorPalette": "dark"}),
    answers={200: NOTHING},
    errors=[401, 409],
)
async def change(backends: Backends, request: Request) -> Response:
    """Set some of them and leave the others."""
    name = _settings_of(await backends.users.of(request))
    wanted = await json_object(request, MAX_BYTES)
    await backends.documents.change(name, lambda settings: settings.update(wanted))
    return done()


@operation("changeSetting", "user", parameters=[USER], body=json_body(Any), answers={200: NOTHING}, errors=[401, 409])
async def change_one(backends: Backends, request: Request) -> Response:
    """Set one."""
    name = _settings_of(await backends.users.of(request))
    wanted = {request.path_params["id"]: value(await whole(request, MAX_BYTES))}
    await backends.documents.change(name, lambda settings: settings.update(wanted))
    return done()


def _settings_of(user: str) -> FileName:
    return FileName(FileKind.USERDATA, user, "comfy.settings.json")
