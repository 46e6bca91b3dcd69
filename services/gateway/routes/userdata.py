"""`/userdata` and `/v2/userdata`: a user's own files, such as their workflows."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from services.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)
from services.files.records import FileInfo, FileKind, FileName, OnConflict
from services.gateway.backends import Backends
from services.gateway.bodies import chunks
from services.gateway.content_types import download_headers
from services.gateway.errors import BodyTooLarge, StorageFull
from services.gateway.operations import ANY, FILE, NOTHING, REFUSAL, USER, Body, File, Parameter, json, operation
from services.gateway.responses import json_response, text_response
from services.gateway.stored_files import stored_file
from services.gateway.translate import userdata

_Switch = Literal["true", "false"]

_FILE = Parameter("file", "its path, with slashes as %2F", place="path", example="workflows/example.json")
_FULL_INFO = Parameter("full_info", "describe files rather than name them", _Switch)
_OVERWRITE = Parameter("overwrite", '"false" leaves what is there', _Switch)
_STORED = json(userdata.FileDescription | str)


@operation(
    "listUserdata",
    "user",
    parameters=[
        Parameter("dir", "the folder", required=True, example="workflows"),
        Parameter("recurse", "those in folders below it too", _Switch),
        _FULL_INFO,
        Parameter("split", "the parts of each path after it", _Switch),
        USER,
    ],
    answers={200: json(list[userdata.FileDescription | list[str] | str]), 400: REFUSAL, 403: REFUSAL, 404: REFUSAL},
    errors=[401],
)
async def show_folder(backends: Backends, request: Request) -> Response:
    """The files in the folder `dir`, those in folders below it too with `recurse`."""
    user = await backends.users.of(request)
    query = request.query_params
    if not query.get("dir"):
        return text_response("Directory not provided", 400)
    try:
        folder = userdata.named_folder(user, query["dir"])
    except PermissionDenied:
        return text_response("Invalid directory", 403)
    found = await _files_in(backends, user, folder, recursive=_is_set(query, "recurse"))
    if not found and not await _is_folder(backends, user, folder) and not await _is_file(backends, folder):
        return text_response("Directory not found", 404)
    return json_response(
        userdata.listing(folder, found, full_info=_is_set(query, "full_info"), split=_is_set(query, "split"))
    )


@operation(
    "listUserdataV2",
    "user",
    parameters=[Parameter("path", "the folder, all when there is none"), USER],
    answers={200: json(list[userdata.Entry]), 400: REFUSAL, 403: REFUSAL, 404: REFUSAL},
)
async def show_tree(backends: Backends, request: Request) -> Response:
    """The folders and files below the folder `path`, or all."""
    try:
        user = await backends.users.of(request)
        folder = userdata.named_folder(user, request.query_params.get("path", ""))
    except Unauthenticated:
        return text_response("Invalid user specified in request", 403)
    except (PermissionDenied, InvalidArgument):
        return text_response("Invalid path requested", 400)
    found = await _files_in(backends, user, folder, recursive=True)
    if not found and not await _is_folder(backends, user, folder):
        if await _is_file(backends, folder):
            return text_response("Requested path is not a directory", 400)
        return text_response("Requested path not found", 404)
    return json_response(userdata.entries(user, folder, found))


@operation("getUserdata", "user", parameters=[_FILE, USER], answers=FILE, errors=[400, 401, 404, 409])
async def show_file(backends: Backends, request: Request) -> Response:
    """One file, for whoever asked to save or to read it; browsers do not show it as a page."""
    user, name = await _named(backends, request, "file")
    try:
        return await stored_file(backends.files, request, name, download_headers(name.filename))
    except NotFound:
        if await _is_folder(backends, user, name.path):
            raise PermissionDenied(f"{userdata.path_of(user, name)} is a folder") from None
        raise


@operation(
    "storeUserdata",
    "user",
    parameters=[_FILE, _OVERWRITE, _FULL_INFO, USER],
    body=Body({ANY: File}),
    answers={200: _STORED, 409: REFUSAL},
    errors=[401, 507],
)
async def store_file(backends: Backends, request: Request) -> Response:
    """Store the body, in place of what is there unless `overwrite` is false."""
    user, name = await _named(backends, request, "file")
    content = chunks(request, backends.max_upload_bytes)
    try:
        info = await backends.files.write(name, content, _policy(request.query_params), owner=user)
    except AlreadyExists:
        return text_response("File already exists", 409)
    except BodyTooLarge:
        raise
    except ResourceExhausted as error:
        raise StorageFull(error.message) from error
    return _stored(request, user, info)


@operation("deleteUserdata", "user", parameters=[_FILE, USER], answers={204: NOTHING}, errors=[400, 401, 404])
async def delete_file(backends: Backends, request: Request) -> Response:
    """Remove one file."""
    _, name = await _named(backends, request, "file")
    await backends.files.delete(name)
    return Response(status_code=204)


@operation(
    "moveUserdata",
    "user",
    parameters=[_OVERWRITE, _FULL_INFO, USER],
    answers={200: _STORED, 409: REFUSAL},
    errors=[400, 401, 404],
)
async def move_file(backends: Backends, request: Request) -> Response:
    """Give a file another name, in place of what is there unless `overwrite` is false."""
    user, source = await _named(backends, request, "file")
    _, target = await _named(backends, request, "dest")
    try:
        info = await backends.files.move(source, target, _policy(request.query_params))
    except AlreadyExists:
        return text_response("File already exists", 409)
    return _stored(request, user, info)


async def _named(backends: Backends, request: Request, parameter: str) -> tuple[str, FileName]:
    """The user of a request, and the file that it names."""
    user = await backends.users.of(request)
    return user, userdata.named_file(user, request.path_params[parameter])


def _stored(request: Request, user: str, info: FileInfo) -> Response:
    path = userdata.path_of(user, info.name)
    return json_response(userdata.description(path, info) if _is_set(request.query_params, "full_info") else path)


def _policy(query: Mapping[str, str]) -> OnConflict:
    return OnConflict.FAIL if query.get("overwrite", "").lower() == "false" else OnConflict.OVERWRITE


def _is_set(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"


async def _files_in(backends: Backends, user: str, folder: str, *, recursive: bool) -> list[FileInfo]:
    found = backends.files.walk(FileKind.USERDATA, folder, recursive=recursive)
    return [info async for info in found if not userdata.is_reserved(user, info)]


async def _is_folder(backends: Backends, user: str, path: str) -> bool:
    """Whether there is such a folder; that of the user comes with the user."""
    parent, name = posixpath.split(path)
    return path == user or name in await backends.files.list_folders(FileKind.USERDATA, parent)


async def _is_file(backends: Backends, path: str) -> bool:
    try:
        await backends.files.stat(FileName(FileKind.USERDATA, *posixpath.split(path)))
    except NotFound:
        return False
    return True
