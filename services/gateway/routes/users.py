"""`/users`: who has files and settings here."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from services.errors import AlreadyExists, PermissionDenied
from services.files.records import FileKind
from services.gateway.access.principal import principal_of
from services.gateway.backends import Backends
from services.gateway.bodies import json_object
from services.gateway.documents import Document
from services.gateway.errors import ErrorDescription
from services.gateway.operations import json, json_body, operation
from services.gateway.raw_json import field
from services.gateway.responses import json_response
from services.gateway.users import RESERVED_PREFIX

MAX_BYTES = 64 << 10

#: Characters that a name may have.
MAX_NAME = 100


class Users(TypedDict):
    """Names by id where there are several users, else whether the one has stored anything yet."""

    storage: str
    users: NotRequired[Document]
    migrated: NotRequired[bool]


class NewUser(TypedDict):
    """The name of a user to be."""

    username: str | None


class UserError(TypedDict):
    """Why there will be no such user."""

    error: str | ErrorDescription
    node_errors: NotRequired[dict[str, Any]]


@operation("getUsers", "user", answers={200: json(Users)}, errors=[409])
async def show(backends: Backends, request: Request) -> Response:
    """All users by id; where there is one only, or a key says who it is, whether they have stored anything yet."""
    if backends.users.several and principal_of(request) is None:
        return json_response(Users(storage="server", users=await backends.users.names()))
    user = await backends.users.of(request)
    stored = user in await backends.files.list_folders(FileKind.USERDATA)
    return json_response(Users(storage="server", migrated=stored))


@operation("addUser", "user", body=json_body(NewUser), answers={200: json(str), 400: json(UserError)}, errors=[409])
async def add(backends: Backends, request: Request) -> Response:
    """Make a user of the `username` that was chosen; the answer is their id."""
    if principal_of(request) is not None:
        raise PermissionDenied("users come with their keys here: silverprint keys create NAME")
    name = field(await json_object(request, MAX_BYTES), "username", str | None, None) or ""
    name = name.strip()
    if not name:
        return _refusal("username not provided")
    if name.startswith(RESERVED_PREFIX):
        return _refusal("System User prefix not allowed")
    if len(name) > MAX_NAME:
        return _refusal(f"username has more than {MAX_NAME} characters")
    try:
        return json_response(await backends.users.add(name))
    except AlreadyExists:
        return _refusal("Duplicate username.")


def _refusal(error: str) -> Response:
    return json_response(UserError(error=error), status=400)
