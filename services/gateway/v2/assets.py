"""`/v2/assets`: files with an identity of their own, over contents that are kept once."""

from __future__ import annotations

import posixpath
from typing import NotRequired, TypedDict

from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response

from services.errors import InvalidArgument, NotFound
from services.files.assets import checks
from services.files.assets.records import AssetChange, Created, NewAsset
from services.files.client import FileClient
from services.files.records import FileKind
from services.gateway.asset_uploads import digest_of_file, file_of, stored_file
from services.gateway.backends import Backends
from services.gateway.bodies import json_object
from services.gateway.content_types import content_headers
from services.gateway.errors import BadRequest
from services.gateway.multipart import Form, received_form
from services.gateway.operations import (
    ASSET_ID,
    FILE,
    FORM,
    NOTHING,
    USER,
    Body,
    File,
    Parameter,
    json,
    json_body,
    operation,
)
from services.gateway.raw_json import field
from services.gateway.responses import json_response
from services.gateway.routes.assets import MAX_BYTES, asset_id, current_file
from services.gateway.stored_files import stored_file as answered_file
from services.gateway.translate.assets import blamed, digest_of, listed
from services.gateway.v2.entries import AssetV2, asset_v2, expiry, placement
from services.gateway.v2.errors import BlobNotFound, HashMismatch, failures, in_envelope

_HASH = Parameter("hash", "blake3: and 64 hexadecimal digits", place="path")
_MADE = {200: json(AssetV2, "of a content that was here"), 201: json(AssetV2)}


class AssetFormV2(TypedDict):
    """A file, what it is and where it goes; it lives for `expires_in` seconds, or for good."""

    file: File
    content_type: str
    file_path: str
    expected_hash: NotRequired[str]
    tags: NotRequired[str]
    expires_in: NotRequired[str]


class AssetFromHashV2(TypedDict):
    """A content that is here, by its hash."""

    hash: str
    file_path: NotRequired[str]
    tags: NotRequired[list[str]]
    expires_in: NotRequired[int]


@operation(
    "postAssets",
    "asset",
    parameters=[USER],
    body=Body({FORM: AssetFormV2}),
    answers={**_MADE, **failures(409, 413, 422, 507)},
)
@in_envelope
async def upload(backends: Backends, request: Request) -> Response:
    """Store a file and make an asset of it; a content that is here already is not kept twice."""
    owner = await backends.users.of(request)
    async with received_form(request, backends.max_upload_bytes) as form:
        file, new, path = file_of(form), _new(form, owner), _path(form)
        digest = await digest_of_file(file)
        if form.fields.get("expected_hash") and digest_of(form.fields["expected_hash"]) != digest:
            raise HashMismatch(f"the file has the hash blake3:{digest}, not the expected one")
        is_here = await backends.files_of(request).assets.has_content(owner, digest)
        if not is_here:
            name = await stored_file(backends.files_of(request), new, FileKind.INPUT, path, file, digest)
    new = structs.replace(new, source=digest if is_here else name, reuse=False)
    made = await _created(backends.files_of(request), new)
    return json_response(asset_v2(made.asset, request, created_new=not is_here), status=200 if is_here else 201)


@operation(
    "assetFromHash",
    "asset",
    parameters=[USER],
    body=json_body(AssetFromHashV2),
    answers={**_MADE, **failures(404, 413, 422)},
)
@in_envelope
async def create_from_hash(backends: Backends, request: Request) -> Response:
    """Make an asset of a content that is here; one that is the same already lives as long as either is to."""
    owner = await backends.users.of(request)
    body = await json_object(request, MAX_BYTES)
    if "hash" not in body:
        raise BadRequest("hash is missing", field="hash")
    path = field(body, "file_path", str | None, None) or ""
    new = NewAsset(
        owner=owner,
        source=digest_of(field(body, "hash", str, "")),
        name=posixpath.basename(path),
        tags=field(body, "tags", list[str], []),
        expires_at=expiry(field(body, "expires_in", int | None, None)),
    )
    try:
        made = await _created(backends.files_of(request), new)
    except NotFound as error:
        raise BlobNotFound("there is no content of this hash that may be used") from error
    asset = made.asset
    if not made.is_new and asset.expires_at is not None and (new.expires_at or 0) > asset.expires_at:
        asset = await backends.files_of(request).assets.update(owner, asset.id, AssetChange(expires_at=new.expires_at))
    return json_response(asset_v2(asset, request, created_new=False), status=201 if made.is_new else 200)


@operation("headAssetByHash", "asset", parameters=[_HASH, USER], answers={200: NOTHING, **failures(404, 422)})
@in_envelope
async def check_hash(backends: Backends, request: Request) -> Response:
    """Whether the user can make an asset of a content.

    Raises:
        BlobNotFound: not so.
    """
    owner = await backends.users.of(request)
    if not await backends.files_of(request).assets.has_content(owner, digest_of(request.path_params["hash"])):
        raise BlobNotFound("there is no content of this hash that may be used")
    return Response(status_code=200)


@operation("getAsset", "asset", parameters=[ASSET_ID, USER], answers={200: json(AssetV2), **failures(404)})
@in_envelope
async def show(backends: Backends, request: Request) -> Response:
    """One asset, and where its content is."""
    owner = await backends.users.of(request)
    return json_response(asset_v2(await backends.files_of(request).assets.get(owner, asset_id(request)), request))


@operation("removeAsset", "asset", parameters=[ASSET_ID, USER], answers={204: NOTHING, **failures(404)})
@in_envelope
async def delete(backends: Backends, request: Request) -> Response:
    """Forget an asset; its file goes with the last asset of it."""
    owner = await backends.users.of(request)
    await backends.files_of(request).assets.delete(owner, asset_id(request))
    return Response(status_code=204)


@operation("getAssetBytes", "asset", parameters=[ASSET_ID, USER], answers={**FILE, **failures(404, 409)})
@in_envelope
async def show_content(backends: Backends, request: Request) -> Response:
    """The content of an asset, whole or in part."""
    owner = await backends.users.of(request)
    asset = await backends.files_of(request).assets.get(owner, asset_id(request), to_read=True)
    name = await current_file(backends.files_of(request), asset.file, asset.blake3)
    return await answered_file(backends.files_of(request), request, name, content_headers(request, asset.name))


def _new(form: Form, owner: str) -> NewAsset:
    """What a form says about its file; what cannot be kept is refused before anything is stored."""
    for name in ("content_type", "file_path"):
        if not form.fields.get(name):
            raise BadRequest(f"{name} is missing", field=name)
    placed, _ = placement(form.fields["file_path"])
    try:
        return NewAsset(
            owner=owner,
            source="",
            name=checks.checked_text(posixpath.basename(form.fields["file_path"]), "file_path"),
            mime_type=checks.checked_mime_type(form.fields["content_type"]),
            tags=checks.checked_tags([*placed, *listed(form.repeated.get("tags", []))]),
            expires_at=expiry(form.fields.get("expires_in")),
        )
    except InvalidArgument as error:
        raise blamed(error) from error


def _path(form: Form) -> str:
    return placement(form.fields["file_path"])[1]


async def _created(files: FileClient, new: NewAsset) -> Created:
    try:
        return await files.assets.create(new)
    except InvalidArgument as error:
        raise blamed(error) from error
