"""`/assets/{id}/tags`, `/assets/tags/refine` and `/tags`: the words by which assets are found."""

from __future__ import annotations

from typing import Literal, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from services.errors import InvalidArgument
from services.files.assets.records import AssetFilter
from services.gateway.backends import Backends
from services.gateway.bodies import json_object
from services.gateway.errors import BadRequest
from services.gateway.operations import ASSET_ID, USER, Parameter, json, json_body, operation
from services.gateway.raw_json import field
from services.gateway.responses import json_response
from services.gateway.routes.assets import FILTER, MAX_BYTES, asset_id
from services.gateway.translate.assets import (
    MOST_TAGS,
    TAG_PAGE,
    TagHistogram,
    TagList,
    TagsAdded,
    TagsRemoved,
    blamed,
    choice,
    number,
    tag_list,
    tags_added,
    tags_removed,
    wanted_assets,
)

_LIMIT = Parameter("limit", f"how many at most, {TAG_PAGE} unless it is said, never more than {MOST_TAGS}", int)


class AssetTags(TypedDict):
    """Tags of an asset."""

    tags: list[str]


@operation(
    "listTags",
    "asset",
    parameters=[
        Parameter("prefix", "only tags that begin so"),
        _LIMIT,
        Parameter("offset", "how many to leave out first", int),
        Parameter("order", "", Literal["count_desc", "name_asc"]),
        Parameter("include_zero", "without effect: a tag is there while an asset has it", bool),
        Parameter("include_public", "without effect: every asset has one owner", bool),
        USER,
    ],
    answers={200: json(TagList)},
    errors=[400, 401, 501],
)
async def show(backends: Backends, request: Request) -> Response:
    """The tags of the user's assets, the most used first unless something else is said."""
    query = request.query_params
    owner = await backends.users.of(request)
    limit, offset = number(query, "limit", TAG_PAGE, 1, MOST_TAGS), number(query, "offset", 0, 0)
    by_name = choice(query, "order", {"count_desc": False, "name_asc": True}, "count_desc")
    wanted = AssetFilter(owner=owner)
    try:
        page = await backends.files_of(request).assets.tags(
            wanted, prefix=query.get("prefix", ""), by_name=by_name, limit=limit, offset=offset
        )
    except InvalidArgument as error:
        raise blamed(error) from error
    return json_response(tag_list(page, offset))


@operation(
    "getAssetTagHistogram",
    "asset",
    parameters=[*FILTER, _LIMIT, USER],
    answers={200: json(TagHistogram)},
    errors=[400, 401, 501],
)
async def count(backends: Backends, request: Request) -> Response:
    """How many of the user's assets that fit have each tag, the most used ones."""
    query = request.query_params
    wanted = wanted_assets(query, await backends.users.of(request))
    limit = number(query, "limit", TAG_PAGE, 1, MOST_TAGS)
    try:
        page = await backends.files_of(request).assets.tags(wanted, limit=limit)
    except InvalidArgument as error:
        raise blamed(error) from error
    return json_response(TagHistogram(tag_counts={it.tag: it.count for it in page.tags}))


@operation(
    "addAssetTags",
    "asset",
    parameters=[ASSET_ID, USER],
    body=json_body(AssetTags, {"tags": ["cat"]}),
    answers={200: json(TagsAdded)},
    errors=[401, 404, 501],
)
async def add(backends: Backends, request: Request) -> Response:
    """Give an asset more tags."""
    owner, tags = await backends.users.of(request), await _tags(request)
    try:
        done = await backends.files_of(request).assets.add_tags(owner, asset_id(request), tags)
    except InvalidArgument as error:
        raise blamed(error) from error
    return json_response(tags_added(done))


@operation(
    "removeAssetTags",
    "asset",
    parameters=[ASSET_ID, USER],
    body=json_body(AssetTags, {"tags": ["cat"]}),
    answers={200: json(TagsRemoved)},
    errors=[401, 404, 501],
)
async def remove(backends: Backends, request: Request) -> Response:
    """Take tags away from an asset."""
    owner, tags = await backends.users.of(request), await _tags(request)
    try:
        done = await backends.files_of(request).assets.remove_tags(owner, asset_id(request), tags)
    except InvalidArgument as error:
        raise blamed(error) from error
    return json_response(tags_removed(done))


async def _tags(request: Request) -> list[str]:
    body = await json_object(request, MAX_BYTES)
    tags: list[str] = field(body, "tags", list[str], [])
    if not tags:
        raise BadRequest("tags is missing, or empty", field="tags")
    return tags
