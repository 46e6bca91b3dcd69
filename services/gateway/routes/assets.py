"""`/assets`: what users know about files, by the user whose request it is."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from services.errors import InvalidArgument, NotFound, Unimplemented
from services.files.assets.checks import checked_id
from services.files.assets.records import AssetChange, NewAsset
from services.files.client import FileClient
from services.files.records import FileName
from services.gateway.asset_uploads import AssetForm, stored_asset
from services.gateway.backends import Backends
from services.gateway.bodies import json_object
from services.gateway.content_types import content_headers
from services.gateway.errors import BadRequest
from services.gateway.multipart import received_form
from services.gateway.operations import ASSET_ID, FILE, FORM, NOTHING, USER, Body, Parameter, json, json_body, operation
from services.gateway.raw_json import field
from services.gateway.responses import json_response
from services.gateway.stored_files import stored_file
from services.gateway.translate.assets import (
    MOST,
    PAGE,
    AssetCreated,
    AssetEntry,
    AssetList,
    blamed,
    created,
    digest_of,
    entry,
    number,
    wanted_assets,
    wanted_order,
)

MAX_BYTES = 256 << 10

#: Where clients look for what an asset's entry names.
PREFIX = "/api"

FILTER = (
    Parameter("include_tags", "only assets that have all of these tags, with commas between"),
    Parameter("exclude_tags", "no assets that have any of these tags, with commas between"),
    Parameter("name_contains", "only assets whose names hold this, whatever the case of letters"),
    Parameter("metadata_filter", "a JSON object: only assets whose metadata have its values"),
    Parameter("job_id", "only assets that this prompt made"),
    Parameter("include_public", "without effect: every asset has one owner", bool),
)


class AssetFromHash(TypedDict):
    """The content by its hash, "blake3:…", and what is known about it."""

    hash: str
    tags: list[str]
    name: NotRequired[str]
    mime_type: NotRequired[str]
    user_metadata: NotRequired[dict[str, Any]]
    preview_id: NotRequired[str]
    prompt_id: NotRequired[str]


class AssetChanges(TypedDict, total=False):
    """What is to be different; an empty `preview_id` or null is none."""

    name: str
    mime_type: str
    tags: list[str]
    user_metadata: dict[str, Any]
    preview_id: str | None


@operation(
    "listAssets",
    "asset",
    parameters=[
        *FILTER,
        Parameter("limit", f"how many at most, {PAGE} unless it is said, never more than {MOST}", int),
        Parameter("offset", "how many to leave out first", int),
        Parameter("sort", "", Literal["name", "created_at", "updated_at", "size", "last_access_time"]),
        Parameter("order", "", Literal["asc", "desc"]),
        USER,
    ],
    answers={200: json(AssetList)},
    errors=[400, 401, 501],
)
async def show(backends: Backends, request: Request) -> Response:
    """The user's assets that fit, the newest first unless something else is said."""
    query = request.query_params
    owner = await backends.users.of(request)
    limit, offset = number(query, "limit", PAGE, 1, MOST), number(query, "offset", 0, 0)
    order, descending = wanted_order(query)
    try:
        page = await backends.files_of(request).assets.list(
            wanted_assets(query, owner), order=order, descending=descending, limit=limit, offset=offset
        )
    except InvalidArgument as error:
        raise blamed(error) from error
    more = offset + len(page.assets) < page.total
    assets = [entry(asset, PREFIX) for asset in page.assets]
    return json_response(AssetList(assets=assets, total=page.total, has_more=more))


@operation(
    "uploadAsset",
    "asset",
    parameters=[USER],
    body=Body({FORM: AssetForm}),
    answers={200: json(AssetCreated), 201: json(AssetCreated)},
    errors=[401, 409, 415, 501, 507],
)
async def upload(backends: Backends, request: Request) -> Response:
    """Store the form's file and make an asset of it; when the user has one of the same content, that is the answer.

    With the tag "models" and that of a kind it becomes a model. Files are sent: they are not fetched from elsewhere.
    """
    owner = await backends.users.of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        raise Unimplemented("files are not fetched from elsewhere here: send the file as multipart/form-data")
    async with received_form(request, backends.max_upload_bytes) as form:
        made = await stored_asset(backends.files_of(request), form, owner)
    return json_response(created(made.asset, PREFIX, is_new=made.is_new), status=201 if made.is_new else 200)


@operation(
    "createAssetFromHash",
    "asset",
    parameters=[USER],
    body=json_body(AssetFromHash),
    answers={200: json(AssetCreated), 201: json(AssetCreated)},
    errors=[401, 404, 501],
)
async def create_from_hash(backends: Backends, request: Request) -> Response:
    """Make an asset of a content that is here already; one that is as good is the answer where there is one."""
    owner = await backends.users.of(request)
    body = await json_object(request, MAX_BYTES)
    for name in ("hash", "tags"):
        if name not in body:
            raise BadRequest(f"{name} is missing", field=name)
    new = NewAsset(
        owner=owner,
        source=digest_of(field(body, "hash", str, "")),
        name=field(body, "name", str | None, None) or "",
        tags=field(body, "tags", list[str], []),
        mime_type=field(body, "mime_type", str | None, None) or "",
        preview_id=field(body, "preview_id", str | None, None) or "",
        job_id=field(body, "prompt_id", str | None, None) or "",
        metadata=field(body, "user_metadata", dict[str, Any], {}),
    )
    try:
        made = await backends.files_of(request).assets.create(new)
    except InvalidArgument as error:
        raise blamed(error) from error
    return json_response(created(made.asset, PREFIX, is_new=made.is_new), status=201 if made.is_new else 200)


@operation(
    "checkAssetByHash",
    "asset",
    parameters=[Parameter("hash", "blake3: and 64 hexadecimal digits", place="path"), USER],
    answers={200: NOTHING},
    errors=[400, 401, 404, 501],
)
async def check_hash(backends: Backends, request: Request) -> Response:
    """Whether an asset can be made of a content by its hash.

    Raises:
        NotFound: it cannot.
    """
    owner = await backends.users.of(request)
    if not await backends.files_of(request).assets.has_content(owner, digest_of(request.path_params["hash"])):
        raise NotFound("there is no such content")
    return Response(status_code=200)


@operation(
    "getAssetById",
    "asset",
    parameters=[ASSET_ID, USER],
    answers={200: json(AssetEntry)},
    errors=[401, 404, 501],
)
async def show_one(backends: Backends, request: Request) -> Response:
    """One asset."""
    owner = await backends.users.of(request)
    return json_response(entry(await backends.files_of(request).assets.get(owner, asset_id(request)), PREFIX))


@operation(
    "getAssetContent",
    "asset",
    parameters=[ASSET_ID, USER],
    answers=FILE,
    errors=[401, 404, 409, 501],
)
async def show_content(backends: Backends, request: Request) -> Response:
    """The content of an asset, whole or in part."""
    owner = await backends.users.of(request)
    asset = await backends.files_of(request).assets.get(owner, asset_id(request), to_read=True)
    file = await current_file(backends.files_of(request), asset.file, asset.blake3)
    return await stored_file(backends.files_of(request), request, file, content_headers(request, asset.name))


@operation(
    "updateAsset",
    "asset",
    parameters=[ASSET_ID, USER],
    body=json_body(AssetChanges, {"name": "example"}),
    answers={200: json(AssetEntry)},
    errors=[401, 404, 501],
)
async def change(backends: Backends, request: Request) -> Response:
    """Change what is known about a content."""
    owner = await backends.users.of(request)
    body = await json_object(request, MAX_BYTES)
    if not body.keys() & AssetChanges.__annotations__.keys():
        raise BadRequest(f"nothing is to be changed: give any of {', '.join(AssetChanges.__annotations__)}")
    preview_id = field(body, "preview_id", str | None, None) or "" if "preview_id" in body else None
    wanted = AssetChange(
        name=field(body, "name", str | None, None),
        mime_type=field(body, "mime_type", str | None, None),
        tags=field(body, "tags", list[str] | None, None),
        metadata=field(body, "user_metadata", dict[str, Any] | None, None),
        preview_id=preview_id,
    )
    try:
        changed = await backends.files_of(request).assets.update(owner, asset_id(request), wanted)
    except InvalidArgument as error:
        raise blamed(error) from error
    return json_response(entry(changed, PREFIX))


@operation(
    "deleteAsset",
    "asset",
    parameters=[
        ASSET_ID,
        Parameter("delete_content", "false to keep the file, which goes with its last asset otherwise", bool),
        USER,
    ],
    answers={204: NOTHING},
    errors=[401, 404, 501],
)
async def delete(backends: Backends, request: Request) -> Response:
    """Forget an asset, and delete its file where no other asset is of it."""
    owner = await backends.users.of(request)
    keep = request.query_params.get("delete_content", "true").lower() in ("false", "0")
    await backends.files_of(request).assets.delete(owner, asset_id(request), keep_content=keep)
    return Response(status_code=204)


def asset_id(request: Request) -> str:
    """The id in the path.

    Raises:
        NotFound: nothing has such an id.
    """
    id = str(request.path_params["id"])
    try:
        return checked_id(id)
    except InvalidArgument as error:
        raise NotFound(f"there is no asset {id[:64]!r}") from error


async def current_file(files: FileClient, name: FileName, blake3: str) -> FileName:
    """A file with this content: under the name that it had, or under another."""
    try:
        if (await files.stat(name, digest=True)).blake3 == blake3:
            return name
    except NotFound:
        pass
    async with files.open(blake3, length=1) as file:
        return file.info.name
