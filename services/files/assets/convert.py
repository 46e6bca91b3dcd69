"""Records of assets as messages of `silverprint.files.v1`, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from services.errors import InvalidArgument
from services.files.assets.records import (
    Asset,
    AssetChange,
    AssetFilter,
    AssetOrder,
    NewAsset,
    TagCount,
)
from services.files.convert import message_errors
from services.files.names import file_name
from services.files.records import FileName
from silverprint.files.v1 import assets_pb2 as pb

_ORDER = {
    AssetOrder.NAME: pb.ASSET_ORDER_NAME,
    AssetOrder.CREATED: pb.ASSET_ORDER_CREATED,
    AssetOrder.UPDATED: pb.ASSET_ORDER_UPDATED,
    AssetOrder.SIZE: pb.ASSET_ORDER_SIZE,
    AssetOrder.ACCESSED: pb.ASSET_ORDER_ACCESSED,
}
_ORDER_BACK = {pb.ASSET_ORDER_UNSPECIFIED: AssetOrder.CREATED} | {message: order for order, message in _ORDER.items()}


def asset_to_message(asset: Asset) -> pb.Asset:
    """An asset as a message."""
    return pb.Asset(
        id=asset.id,
        owner=asset.owner,
        blake3=asset.blake3,
        size_bytes=asset.size,
        name=asset.name,
        mime_type=asset.mime_type,
        tags=asset.tags,
        job_id=asset.job_id,
        preview_id=asset.preview_id,
        metadata_json=_json(asset.metadata),
        created_at_us=_us(asset.created_at),
        updated_at_us=_us(asset.updated_at),
        accessed_at_us=_us(asset.accessed_at),
        expires_at_us=_us(asset.expires_at or 0),
        file=str(asset.file),
    )


def asset_from_message(asset: pb.Asset) -> Asset:
    """An asset from a message."""
    return Asset(
        id=asset.id,
        owner=asset.owner,
        blake3=asset.blake3,
        size=asset.size_bytes,
        name=asset.name,
        mime_type=asset.mime_type,
        tags=tuple(asset.tags),
        job_id=asset.job_id,
        preview_id=asset.preview_id,
        metadata=metadata_from_json(asset.metadata_json),
        created_at=asset.created_at_us / 1_000_000,
        updated_at=asset.updated_at_us / 1_000_000,
        accessed_at=asset.accessed_at_us / 1_000_000,
        expires_at=asset.expires_at_us / 1_000_000 if asset.expires_at_us else None,
        file=file_name(asset.file),
    )


def new_to_message(new: NewAsset) -> pb.CreateAssetRequest:
    """An asset that is to be, as a message; raises as `message_errors`."""
    with message_errors():
        request = pb.CreateAssetRequest(
            owner=new.owner,
            name=new.name,
            mime_type=new.mime_type,
            tags=new.tags,
            job_id=new.job_id,
            preview_id=new.preview_id,
            metadata_json=_json(new.metadata),
            expires_at_us=_us(new.expires_at or 0),
            id=new.id,
            always_new=not new.reuse,
        )
        if isinstance(new.source, FileName):
            request.file = str(new.source)
        else:
            request.blake3 = new.source
        return request


def new_from_message(request: pb.CreateAssetRequest) -> NewAsset:
    """An asset that is to be, from a message.

    Raises:
        InvalidArgument: it says of no content, or its metadata are no JSON object.
    """
    match request.WhichOneof("source"):
        case "file":
            source: FileName | str = file_name(request.file)
        case "blake3":
            source = request.blake3
        case _:
            raise InvalidArgument("neither a file nor a digest says which content is meant")
    return NewAsset(
        owner=request.owner,
        source=source,
        name=request.name,
        mime_type=request.mime_type,
        tags=tuple(request.tags),
        job_id=request.job_id,
        preview_id=request.preview_id,
        metadata=metadata_from_json(request.metadata_json),
        expires_at=request.expires_at_us / 1_000_000 if request.expires_at_us else None,
        id=request.id,
        reuse=not request.always_new,
    )


def filter_to_message(wanted: AssetFilter) -> pb.AssetFilter:
    """A filter as a message; raises as `message_errors`."""
    with message_errors():
        return pb.AssetFilter(
            owner=wanted.owner,
            tags=wanted.tags,
            without_tags=wanted.without_tags,
            name_contains=wanted.name_contains,
            job_id=wanted.job_id,
            blake3=wanted.blake3,
            metadata_json=_json(wanted.metadata),
        )


def filter_from_message(wanted: pb.AssetFilter) -> AssetFilter:
    """A filter from a message; raises as `metadata_from_json`."""
    return AssetFilter(
        owner=wanted.owner,
        tags=tuple(wanted.tags),
        without_tags=tuple(wanted.without_tags),
        name_contains=wanted.name_contains,
        job_id=wanted.job_id,
        blake3=wanted.blake3,
        metadata=metadata_from_json(wanted.metadata_json),
    )


def change_to_message(owner: str, id: str, change: AssetChange) -> pb.UpdateAssetRequest:
    """A change as a message; raises as `message_errors`."""
    with message_errors():
        return pb.UpdateAssetRequest(
            owner=owner,
            id=id,
            name=change.name,
            mime_type=change.mime_type,
            tags=None if change.tags is None else pb.Tags(tags=change.tags),
            preview_id=change.preview_id,
            metadata_json=None if change.metadata is None else _json(change.metadata),
            expires_at_us=None if change.expires_at is None else _us(change.expires_at),
        )


def change_from_message(request: pb.UpdateAssetRequest) -> AssetChange:
    """A change from a message; raises as `metadata_from_json`."""
    has = request.HasField
    return AssetChange(
        name=request.name if has("name") else None,
        mime_type=request.mime_type if has("mime_type") else None,
        tags=tuple(request.tags.tags) if has("tags") else None,
        preview_id=request.preview_id if has("preview_id") else None,
        metadata=metadata_from_json(request.metadata_json) if has("metadata_json") else None,
        expires_at=request.expires_at_us / 1_000_000 if has("expires_at_us") else None,
    )


def order_to_message(order: AssetOrder) -> pb.AssetOrder.ValueType:
    """An order as a message's value."""
    return _ORDER[order]


def order_from_message(order: pb.AssetOrder.ValueType) -> AssetOrder:
    """An order from a message's value; by creation when it is not set.

    Raises:
        InvalidArgument: it is unknown.
    """
    if order not in _ORDER_BACK:
        raise InvalidArgument(f"order of assets {order} is not one")
    return _ORDER_BACK[order]


def count_to_message(count: TagCount) -> pb.TagCount:
    """How many have a tag, as a message."""
    return pb.TagCount(tag=count.tag, count=count.count)


def metadata_from_json(text: bytes) -> dict[str, Any]:
    """Metadata, none for no text.

    Raises:
        InvalidArgument: this is no JSON object.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument("metadata must be a JSON object") from error


def _json(metadata: Any) -> bytes:
    return msgspec.json.encode(metadata) if metadata else b""


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
