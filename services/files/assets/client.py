"""The assets of a file service that is another process."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from msgspec import structs

from services.files.assets import convert
from services.files.assets.library import AssetLibrary
from services.files.assets.records import (
    Asset,
    AssetChange,
    AssetFilter,
    AssetOrder,
    AssetPage,
    Created,
    NewAsset,
    TagCount,
    TagPage,
    TagsChanged,
)
from services.files.convert import message_errors
from services.files.spaces import EVERYBODYS, Space
from services.rpc.channel import CALL_TIMEOUT, call
from silverprint.files.v1 import assets_pb2 as pb
from silverprint.files.v1 import files_pb2_grpc

T = TypeVar("T")

#: Seconds that making an asset may take: the digest of its file may have to be computed.
CREATE_TIMEOUT = 600.0


class AssetClient(AssetLibrary):
    """Asks the file service at the other end of a connection; raises what it raises."""

    def __init__(self, stub: files_pb2_grpc.FileServiceAsyncStub, space: Space = EVERYBODYS) -> None:
        self._stub = stub
        self._space = space

    async def create(self, new: NewAsset) -> Created:
        request = convert.new_to_message(structs.replace(new, source=self._space.placed(new.source)))
        response = await self._call(self._stub.CreateAsset(request, timeout=CREATE_TIMEOUT))
        return Created(self._asset(response.asset), response.created)

    async def get(self, owner: str, id: str, *, to_read: bool = False) -> Asset:
        with message_errors():
            request = pb.GetAssetRequest(owner=owner, id=id, to_read=to_read)
        response = await self._call(self._stub.GetAsset(request, timeout=CALL_TIMEOUT))
        return self._asset(response.asset)

    async def list(
        self,
        wanted: AssetFilter,
        *,
        order: AssetOrder = AssetOrder.CREATED,
        descending: bool = True,
        limit: int = 0,
        offset: int = 0,
    ) -> AssetPage:
        with message_errors():
            request = pb.ListAssetsRequest(
                filter=convert.filter_to_message(wanted),
                order=convert.order_to_message(order),
                ascending=not descending,
                limit=limit,
                offset=offset,
            )
        response = await self._call(self._stub.ListAssets(request, timeout=CALL_TIMEOUT))
        return AssetPage([self._asset(asset) for asset in response.assets], response.total)

    async def update(self, owner: str, id: str, change: AssetChange) -> Asset:
        request = convert.change_to_message(owner, id, change)
        response = await self._call(self._stub.UpdateAsset(request, timeout=CALL_TIMEOUT))
        return self._asset(response.asset)

    async def add_tags(self, owner: str, id: str, tags: Sequence[str]) -> TagsChanged:
        with message_errors():
            request = pb.AddAssetTagsRequest(owner=owner, id=id, tags=tags)
        response = await self._call(self._stub.AddAssetTags(request, timeout=CALL_TIMEOUT))
        asset = self._asset(response.asset)
        return TagsChanged(asset, tuple(response.added), tuple(response.present))

    async def remove_tags(self, owner: str, id: str, tags: Sequence[str]) -> TagsChanged:
        with message_errors():
            request = pb.RemoveAssetTagsRequest(owner=owner, id=id, tags=tags)
        response = await self._call(self._stub.RemoveAssetTags(request, timeout=CALL_TIMEOUT))
        asset = self._asset(response.asset)
        return TagsChanged(asset, tuple(response.removed), tuple(response.absent))

    async def delete(self, owner: str, id: str, *, keep_content: bool = False) -> None:
        with message_errors():
            request = pb.DeleteAssetRequest(owner=owner, id=id, keep_content=keep_content)
        await self._call(self._stub.DeleteAsset(request, timeout=CREATE_TIMEOUT))

    async def tags(
        self, wanted: AssetFilter, *, prefix: str = "", by_name: bool = False, limit: int = 0, offset: int = 0
    ) -> TagPage:
        with message_errors():
            request = pb.ListAssetTagsRequest(
                filter=convert.filter_to_message(wanted), prefix=prefix, by_name=by_name, limit=limit, offset=offset
            )
        response = await self._call(self._stub.ListAssetTags(request, timeout=CALL_TIMEOUT))
        return TagPage([TagCount(it.tag, it.count) for it in response.tags], response.total)

    async def has_content(self, owner: str, blake3: str) -> bool:
        with message_errors():
            request = pb.HasContentRequest(owner=owner, blake3=blake3)
        return bool((await self._call(self._stub.HasContent(request, timeout=CALL_TIMEOUT))).here)

    async def _call(self, answer: Awaitable[T]) -> T:
        with self._space.errors():
            return await call(answer)

    def _asset(self, message: pb.Asset) -> Asset:
        asset = convert.asset_from_message(message)
        return structs.replace(asset, file=self._space.shown(asset.file))
