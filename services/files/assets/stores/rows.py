"""Assets as rows of a table, and back."""

from __future__ import annotations

import msgspec

from services.database.steps import Row, Value
from services.files.assets.checks import metadata_json
from services.files.assets.records import Asset
from services.files.names import file_name

#: In the order of `to_row`.
COLUMNS = (
    *("id", "owner", "blake3", "size", "name", "folded_name", "mime_type", "tags", "job_id", "preview_id"),
    *("metadata", "created_us", "updated_us", "accessed_us", "expires_us", "file"),
)
NAMED = ", ".join(f"a.{column}" for column in COLUMNS)


def to_row(asset: Asset) -> tuple[Value, ...]:
    """An asset as a row."""
    return (
        *(asset.id, asset.owner, asset.blake3, asset.size, asset.name, folded(asset.name), asset.mime_type),
        *(msgspec.json.encode(list(asset.tags)).decode(), asset.job_id, asset.preview_id),
        *(metadata_json(asset.metadata), us(asset.created_at), us(asset.updated_at), us(asset.accessed_at)),
        *(None if asset.expires_at is None else us(asset.expires_at), str(asset.file)),
    )


def from_row(row: Row) -> Asset:
    """An asset from a row."""
    found = dict(zip(COLUMNS, row, strict=True))
    expires_us = found["expires_us"]
    return Asset(
        id=found["id"],
        owner=found["owner"],
        blake3=found["blake3"],
        size=found["size"],
        name=found["name"],
        mime_type=found["mime_type"],
        tags=tuple(msgspec.json.decode(found["tags"], type=list[str])),
        job_id=found["job_id"],
        preview_id=found["preview_id"],
        metadata=msgspec.json.decode(found["metadata"]),
        created_at=found["created_us"] / 1e6,
        updated_at=found["updated_us"] / 1e6,
        accessed_at=found["accessed_us"] / 1e6,
        expires_at=None if expires_us is None else expires_us / 1e6,
        file=file_name(found["file"]),
    )


def us(seconds: float) -> int:
    """A time as it is kept."""
    return round(seconds * 1_000_000)


def folded(text: str) -> str:
    """A text as searches see it: the case of letters does not matter."""
    return text.casefold()
