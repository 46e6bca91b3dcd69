"""Assets as the versioned API knows them."""

from __future__ import annotations

import time
from typing import NotRequired, TypedDict

from starlette.requests import Request

from services.files.assets.records import Asset
from services.files.records import FileKind
from services.gateway.errors import BadRequest
from services.gateway.translate.assets import HASH_PREFIX, iso_time

#: Seconds that an asset may be said to live, at least and at most.
LEAST_LIFE, MOST_LIFE = 60, 604_800

#: Seconds for which the address of a content is said to hold; it does for as long as the asset is there.
_URL_LIFE = 3600.0

_MODELS = FileKind.MODELS.value


class AssetV2(TypedDict):
    """An asset; `url` is where its content is. Times are in ISO 8601."""

    id: str
    hash: str | None
    size_bytes: int
    content_type: str
    file_path: str | None
    created_at: str
    url: str
    url_expires_at: str
    expires_at: str | None
    created_new: NotRequired[bool]
    job_id: NotRequired[str]


def asset_v2(asset: Asset, request: Request, *, created_new: bool | None = None) -> AssetV2:
    """An asset as clients of the versioned API know it."""
    described: AssetV2 = {
        "id": asset.id,
        "hash": f"{HASH_PREFIX}{asset.blake3}",
        "size_bytes": asset.size,
        "content_type": asset.mime_type or "application/octet-stream",
        "file_path": asset.file.path if asset.file.kind is FileKind.INPUT else str(asset.file),
        "created_at": iso_time(asset.created_at),
        "url": str(request.base_url.replace(path=f"/api/v2/assets/{asset.id}/content", query="")),
        "url_expires_at": iso_time(time.time() + _URL_LIFE),
        "expires_at": None if asset.expires_at is None else iso_time(asset.expires_at),
    }
    if created_new is not None:
        described["created_new"] = created_new
    if asset.job_id:
        described["job_id"] = asset.job_id
    return described


def expiry(expires_in: str | int | None) -> float | None:
    """When an asset expires that is to live for so many seconds, None for never.

    Raises:
        BadRequest: it is no number of seconds, or too small or too large a one.
    """
    if expires_in is None or expires_in == "":
        return None
    text = str(expires_in)
    if not (text.isascii() and text.isdecimal() and LEAST_LIFE <= int(text[:9]) <= MOST_LIFE):
        raise BadRequest(
            f"expires_in: {text[:32]!r} is not between {LEAST_LIFE} and {MOST_LIFE} seconds", field="expires_in"
        )
    return time.time() + int(text)


def placement(file_path: str) -> tuple[list[str], str]:
    """Where a path puts a file: the tags that say so, and what is left of the path.

    "models/loras/x.safetensors" is a model, anything else an input.

    Raises:
        BadRequest: it is no path.
    """
    first, _, rest = file_path.partition("/")
    if first != _MODELS:
        if not file_path:
            raise BadRequest("file_path is empty", field="file_path")
        return [], file_path
    folder, _, name = rest.partition("/")
    if not (folder and name):
        raise BadRequest(f"file_path: {file_path[:100]!r} is not models/KIND/NAME", field="file_path")
    return [_MODELS, folder], name
