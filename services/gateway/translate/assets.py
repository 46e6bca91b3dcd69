"""Assets as Comfy Cloud's API and the newer web UI know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict, TypeVar

import msgspec
from starlette.datastructures import QueryParams

from services.errors import InvalidArgument
from services.files.assets.records import Asset, AssetFilter, AssetOrder, TagCount, TagPage, TagsChanged
from services.gateway.errors import BadRequest
from services.gateway.raw_json import members

T = TypeVar("T")

#: How digests are written.
HASH_PREFIX = "blake3:"

#: Assets on a page, and at most.
PAGE, MOST = 20, 500
#: Tags on a page, and at most.
TAG_PAGE, MOST_TAGS = 100, 1000

_MOST_OFFSET = 2**31 - 1


class AssetEntry(TypedDict):
    """An asset; times are in ISO 8601."""

    id: str
    name: str
    asset_hash: str
    size: int
    mime_type: NotRequired[str]
    tags: list[str]
    user_metadata: dict[str, Any]
    preview_url: NotRequired[str]
    preview_id: str | None
    prompt_id: str | None
    created_at: str
    updated_at: str
    last_access_time: str
    expires_at: str | None
    is_immutable: bool
    #: kind and path of the file
    file_path: str


class AssetCreated(AssetEntry):
    """An asset, and whether it was made just now."""

    created_new: bool


class AssetList(TypedDict):
    """Some of the assets that fit, and how many do."""

    assets: list[AssetEntry]
    total: int
    has_more: bool


class TagInfo(TypedDict):
    """A tag, and how many assets have it."""

    name: str
    count: int


class TagList(TypedDict):
    """Some of the tags, and how many there are."""

    tags: list[TagInfo]
    total: int
    has_more: bool


class TagHistogram(TypedDict):
    """How many assets have each tag."""

    tag_counts: dict[str, int]


class TagsAdded(TypedDict):
    """What became of tags that were to be added."""

    added: list[str]
    already_present: list[str]
    total_tags: list[str]


class TagsRemoved(TypedDict):
    """What became of tags that were to be removed."""

    removed: list[str]
    not_present: list[str]
    total_tags: list[str]


def entry(asset: Asset, prefix: str) -> AssetEntry:
    """An asset as clients know it; `prefix` is that of the API's paths."""
    described: AssetEntry = {
        "id": asset.id,
        "name": asset.name,
        "asset_hash": f"{HASH_PREFIX}{asset.blake3}",
        "size": asset.size,
        "tags": list(asset.tags),
        "user_metadata": dict(asset.metadata),
        "preview_id": asset.preview_id or None,
        "prompt_id": asset.job_id or None,
        "created_at": iso_time(asset.created_at),
        "updated_at": iso_time(asset.updated_at),
        "last_access_time": iso_time(asset.accessed_at),
        "expires_at": None if asset.expires_at is None else iso_time(asset.expires_at),
        "is_immutable": asset.file.kind.is_read_only,
        "file_path": str(asset.file),
    }
    if asset.mime_type:
        described["mime_type"] = asset.mime_type
    if asset.preview_id or asset.mime_type.startswith(("image/", "video/")):
        described["preview_url"] = f"{prefix}/assets/{asset.preview_id or asset.id}/content"
    return described


def created(asset: Asset, prefix: str, *, is_new: bool) -> AssetCreated:
    """The answer to who made an asset."""
    return {**entry(asset, prefix), "created_new": is_new}


def tag_list(page: TagPage, offset: int) -> TagList:
    """Tags as clients know them."""
    return {
        "tags": [_tag(it) for it in page.tags],
        "total": page.total,
        "has_more": offset + len(page.tags) < page.total,
    }


def tags_added(done: TagsChanged) -> TagsAdded:
    """The answer to who added tags."""
    return {
        "added": list(done.changed),
        "already_present": list(done.unchanged),
        "total_tags": list(done.asset.tags),
    }


def tags_removed(done: TagsChanged) -> TagsRemoved:
    """The answer to who removed tags."""
    return {"removed": list(done.changed), "not_present": list(done.unchanged), "total_tags": list(done.asset.tags)}


def digest_of(hash: str) -> str:
    """The digest that a client writes as "blake3:…".

    Raises:
        BadRequest: it is written otherwise, or is none.
    """
    digest = hash.removeprefix(HASH_PREFIX)
    if digest == hash or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise BadRequest(f"hash: {hash[:100]!r} is not blake3: and 64 lowercase hexadecimal digits", field="hash")
    return digest


def wanted_assets(query: QueryParams, owner: str) -> AssetFilter:
    """Which assets a query means; raises `BadRequest` when it makes no sense."""
    metadata = query.get("metadata_filter", "")
    return AssetFilter(
        owner=owner,
        tags=listed(query.getlist("include_tags")),
        without_tags=listed(query.getlist("exclude_tags")),
        name_contains=query.get("name_contains", ""),
        job_id=query.get("job_id", "") or query.get("prompt_id", ""),
        metadata=json_text(metadata, "metadata_filter"),
    )


def wanted_order(query: QueryParams) -> tuple[AssetOrder, bool]:
    """What a query sorts by, and whether the other way round; raises `BadRequest` when it makes no sense."""
    order = choice(query, "sort", {order.value: order for order in AssetOrder}, "created_at")
    return order, choice(query, "order", {"asc": False, "desc": True}, "desc")


def choice(query: QueryParams, name: str, choices: Mapping[str, T], default: str) -> T:
    """What one of a few words means; raises `BadRequest` for any other."""
    word = query.get(name, default)
    if word not in choices:
        raise BadRequest(f"{name}: {word[:32]!r} is none of {', '.join(choices)}", field=name)
    return choices[word]


def number(query: QueryParams, name: str, default: int, least: int, most: int = _MOST_OFFSET) -> int:
    """A whole number within bounds; raises `BadRequest` for anything else."""
    text = query.get(name, str(default))
    try:
        value = int(text)
    except ValueError as error:
        raise BadRequest(f"{name}: {text[:32]!r} is not a whole number", field=name) from error
    if not least <= value <= most:
        raise BadRequest(f"{name}: {text[:32]} is not between {least} and {most}", field=name)
    return value


def listed(texts: Sequence[str]) -> list[str]:
    """Words with commas between them, or in a JSON array, in one text or in several; raises `BadRequest`."""
    words: list[str] = []
    for text in texts:
        if text.lstrip().startswith("["):
            try:
                words += msgspec.json.decode(text, type=list[str])
            except (msgspec.MsgspecError, RecursionError) as error:
                raise BadRequest("tags: neither words with commas between them nor a JSON array of texts") from error
        else:
            words += [word.strip() for word in text.split(",") if word.strip()]
    return words


def json_text(text: str, name: str) -> dict[str, Any]:
    """The JSON object in a text, an empty one for none; raises `BadRequest` for anything else."""
    if not text:
        return {}
    try:
        return {key: msgspec.json.decode(raw) for key, raw in members(text.encode(errors="replace"), name).items()}
    except (BadRequest, msgspec.MsgspecError, RecursionError) as error:
        raise BadRequest(f"{name} must be a JSON object", field=name) from error


def blamed(error: InvalidArgument) -> BadRequest:
    """The same refusal, which names the field at fault where the message begins with it."""
    if isinstance(error, BadRequest):
        return error
    field = error.message.partition(":")[0]
    return BadRequest(error.message, field=field if field.isidentifier() else "")


def _tag(count: TagCount) -> TagInfo:
    return {"name": count.tag, "count": count.count}


def iso_time(seconds: float) -> str:
    """A time since the epoch in ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
