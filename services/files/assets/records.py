"""What is kept, asked and told about assets."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.files.records import FileName


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """What a user knows about a content. Times are in seconds since the epoch, to the microsecond."""

    #: a UUID
    id: str
    #: whose it is; nobody else sees it
    owner: str
    #: of the content, lowercase hex
    blake3: str
    #: bytes
    size: int
    #: for people
    name: str
    mime_type: str = ""
    #: in the order in which they came
    tags: Sequence[str] = ()
    #: the prompt that made it, empty for none
    job_id: str = ""
    #: the asset that shows what it looks like, empty for none
    preview_id: str = ""
    #: whatever the user wrote down
    metadata: Mapping[str, Any] = {}
    created_at: float
    updated_at: float
    #: when its content was last read through it
    accessed_at: float
    #: None for never
    expires_at: float | None = None
    #: where the content lay when the asset was made
    file: FileName


class NewAsset(msgspec.Struct, frozen=True, kw_only=True):
    """An asset that is to be."""

    owner: str
    #: the content: one that is here, by the name of a file or by its digest
    source: FileName | str
    #: empty for that of the file
    name: str = ""
    mime_type: str = ""
    tags: Sequence[str] = ()
    job_id: str = ""
    preview_id: str = ""
    metadata: Mapping[str, Any] = {}
    expires_at: float | None = None
    #: a UUID that the caller chose, empty for a new one: twice the same makes one asset
    id: str = ""
    #: whether an asset that the owner has of the same content and name is as good
    reuse: bool = True


class Created(msgspec.Struct, frozen=True):
    """An asset, and whether it was made just now."""

    asset: Asset
    is_new: bool


class AssetOrder(enum.Enum):
    """What assets are sorted by; equal ones by id."""

    NAME = "name"
    CREATED = "created_at"
    UPDATED = "updated_at"
    SIZE = "size"
    ACCESSED = "last_access_time"


class AssetFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which assets of an owner are meant: those that fit all of this."""

    owner: str
    #: have all of these
    tags: Sequence[str] = ()
    #: have none of these
    without_tags: Sequence[str] = ()
    #: whatever the case of letters
    name_contains: str = ""
    job_id: str = ""
    blake3: str = ""
    #: by key: has this value, or a list with it; any of several where a list is given
    metadata: Mapping[str, Any] = {}


class AssetPage(msgspec.Struct, frozen=True):
    """Some of the assets that fit."""

    assets: Sequence[Asset]
    #: how many fit in all
    total: int


class AssetChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different; None for what stays."""

    name: str | None = None
    mime_type: str | None = None
    tags: Sequence[str] | None = None
    #: empty for none
    preview_id: str | None = None
    metadata: Mapping[str, Any] | None = None
    #: 0 for never
    expires_at: float | None = None


class TagsChanged(msgspec.Struct, frozen=True):
    """What became of tags that were to be added or removed."""

    asset: Asset
    changed: Sequence[str]
    #: those that were there already, or were not there
    unchanged: Sequence[str]


class TagCount(msgspec.Struct, frozen=True):
    """A tag, and how many assets have it."""

    tag: str
    count: int


class TagPage(msgspec.Struct, frozen=True):
    """Some of the tags of assets."""

    tags: Sequence[TagCount]
    #: how many there are in all
    total: int
