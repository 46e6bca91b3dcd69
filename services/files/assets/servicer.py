"""The calls of the file service that are about assets."""

from __future__ import annotations

from typing import Any

import grpc

from services.errors import Unimplemented
from services.files.assets import convert
from services.files.assets.library import AssetLibrary
from silverprint.files.v1 import assets_pb2 as pb
from silverprint.files.v1 import files_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class AssetCalls(files_pb2_grpc.FileServiceServicer):
    """Serves a library of assets, or says that there is none."""

    _library: AssetLibrary | None

    @property
    def _assets(self) -> AssetLibrary:
        if self._library is None:
            raise Unimplemented("this file service keeps no assets")
        return self._library

    async def CreateAsset(self, request: pb.CreateAssetRequest, context: Context) -> pb.CreateAssetResponse:
        created = await self._assets.create(convert.new_from_message(request))
        return pb.CreateAssetResponse(asset=convert.asset_to_message(created.asset), created=created.is_new)

    async def GetAsset(self, request: pb.GetAssetRequest, context: Context) -> pb.GetAssetResponse:
        asset = await self._assets.get(request.owner, request.id, to_read=request.to_read)
        return pb.GetAssetResponse(asset=convert.asset_to_message(asset))

    async def ListAssets(self, request: pb.ListAssetsRequest, context: Context) -> pb.ListAssetsResponse:
        page = await self._assets.list(
            convert.filter_from_message(request.filter),
            order=convert.order_from_message(request.order),
            descending=not request.ascending,
            limit=request.limit,
            offset=request.offset,
        )
        return pb.ListAssetsResponse(assets=map(convert.asset_to_message, page.assets), total=page.total)

    async def UpdateAsset(self, request: pb.UpdateAssetRequest, context: Context) -> pb.UpdateAssetResponse:
        asset = await self._assets.update(request.owner, request.id, convert.change_from_message(request))
        return pb.UpdateAssetResponse(asset=convert.asset_to_message(asset))

    async def AddAssetTags(self, request: pb.AddAssetTagsRequest, context: Context) -> pb.AddAssetTagsResponse:
        done = await self._assets.add_tags(request.owner, request.id, request.tags)
        asset = convert.asset_to_message(done.asset)
        return pb.AddAssetTagsResponse(asset=asset, added=done.changed, present=done.unchanged)

    async def RemoveAssetTags(self, request: pb.RemoveAssetTagsRequest, context: Context) -> pb.RemoveAssetTagsResponse:
        done = await self._assets.remove_tags(request.owner, request.id, request.tags)
        asset = convert.asset_to_message(done.asset)
        return pb.RemoveAssetTagsResponse(asset=asset, removed=done.changed, absent=done.unchanged)

    async def DeleteAsset(self, request: pb.DeleteAssetRequest, context: Context) -> pb.DeleteAssetResponse:
        await self._assets.delete(request.owner, request.id, keep_content=request.keep_content)
        return pb.DeleteAssetResponse()

    async def ListAssetTags(self, request: pb.ListAssetTagsRequest, context: Context) -> pb.ListAssetTagsResponse:
        page = await self._assets.tags(
            convert.filter_from_message(request.filter),
            prefix=request.prefix,
            by_name=request.by_name,
            limit=request.limit,
            offset=request.offset,
        )
        return pb.ListAssetTagsResponse(tags=map(convert.count_to_message, page.tags), total=page.total)

    async def HasContent(self, request: pb.HasContentRequest, context: Context) -> pb.HasContentResponse:
        return pb.HasContentResponse(here=await self._assets.has_content(request.owner, request.blake3))
