"""The file service over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from services.errors import InvalidArgument, Unimplemented
from services.files import convert
from services.files.assets.library import AssetLibrary
from services.files.assets.servicer import AssetCalls
from services.files.chunks import MAX_CHUNK_BYTES, one_chunk
from services.files.models.library import ModelLibrary
from services.files.models.servicer import ModelCalls
from services.files.models.stored import StoredModels
from services.files.records import FileInfo, FileName
from services.files.retention.collector import Collector
from services.files.stores.base import FileStore
from services.files.streaming import received_part, receiving
from services.rpc.server import Servicer
from silverprint.files.v1 import files_pb2 as pb
from silverprint.files.v1 import files_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class FileServicer(ModelCalls, AssetCalls):
    """Serves a store, the models in it, and what is known about its contents."""

    def __init__(
        self, store: FileStore, models: ModelLibrary, assets: AssetLibrary | None, collector: Collector | None
    ) -> None:
        self._store = store
        self._models = models
        self._library = assets
        self._collector = collector

    async def Write(self, request_iterator: AsyncIterator[pb.WriteRequest], context: Context) -> pb.WriteResponse:
        requests = aiter(request_iterator)
        header = await _header(requests)
        async with receiving(requests, context) as content:
            info = await self._store_content(header, content)
        return pb.WriteResponse(file=convert.info_to_message(info))

    async def Put(self, request: pb.PutRequest, context: Context) -> pb.PutResponse:
        if len(request.data) > MAX_CHUNK_BYTES:
            raise InvalidArgument(f"a content of {len(request.data)} bytes is longer than {MAX_CHUNK_BYTES}: Write it")
        info = await self._store_content(request.header, one_chunk(request.data))
        return pb.PutResponse(file=convert.info_to_message(info))

    async def _store_content(self, header: pb.WriteHeader, content: AsyncIterator[bytes]) -> FileInfo:
        target = convert.target_from_message(header)
        return await self._store.write(
            target.name,
            content,
            target.on_conflict,
            numbered_extension=target.numbered_extension,
            expected_blake3=target.expected_blake3,
            expected_size=target.expected_size,
            replaced_blake3=target.replaced_blake3,
            owner=target.owner,
        )

    async def BeginUpload(self, request: pb.BeginUploadRequest, context: Context) -> pb.BeginUploadResponse:
        upload = await self._store.begin_upload(convert.target_from_message(request.header))
        return pb.BeginUploadResponse(upload=convert.upload_to_message(upload))

    async def AppendUpload(
        self, request_iterator: AsyncIterator[pb.AppendUploadRequest], context: Context
    ) -> pb.AppendUploadResponse:
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or not first.HasField("header"):
            raise InvalidArgument("the first message of an append is its header")
        upload = await self._store.append_upload(
            first.header.upload_id, first.header.offset, received_part(requests, context)
        )
        return pb.AppendUploadResponse(upload=convert.upload_to_message(upload))

    async def GetUpload(self, request: pb.GetUploadRequest, context: Context) -> pb.GetUploadResponse:
        upload = await self._store.get_upload(request.upload_id)
        return pb.GetUploadResponse(upload=convert.upload_to_message(upload))

    async def CommitUpload(self, request: pb.CommitUploadRequest, context: Context) -> pb.CommitUploadResponse:
        info = await self._store.commit_upload(request.upload_id, request.size_bytes, blake3=request.blake3 or None)
        return pb.CommitUploadResponse(file=convert.info_to_message(info))

    async def AbortUpload(self, request: pb.AbortUploadRequest, context: Context) -> pb.AbortUploadResponse:
        await self._store.abort_upload(request.upload_id)
        return pb.AbortUploadResponse()

    async def Read(self, request: pb.ReadRequest, context: Context) -> AsyncIterator[pb.ReadResponse]:
        async with self._store.open(_source(request), offset=request.offset, length=request.length) as file:
            yield pb.ReadResponse(file=convert.info_to_message(file.info))
            async for chunk in file:
                yield pb.ReadResponse(data=chunk)

    async def Stat(self, request: pb.StatRequest, context: Context) -> pb.StatResponse:
        name = convert.name_from_message(request.name)
        info = await self._store.stat(name, digest=request.digest_wanted)
        return pb.StatResponse(file=convert.info_to_message(info))

    async def Locate(self, request: pb.LocateRequest, context: Context) -> pb.LocateResponse:
        location = await self._store.locate(convert.name_from_message(request.name))
        return pb.LocateResponse(location=convert.location_to_message(location) if location else None)

    async def List(self, request: pb.ListRequest, context: Context) -> pb.ListResponse:
        files, next_page_token = await self._store.list(
            convert.kind_from_message(request.kind),
            request.subfolder,
            recursive=request.recursive,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListResponse(files=map(convert.info_to_message, files), next_page_token=next_page_token)

    async def ListFolders(self, request: pb.ListFoldersRequest, context: Context) -> pb.ListFoldersResponse:
        kind = convert.kind_from_message(request.kind)
        return pb.ListFoldersResponse(folders=await self._store.list_folders(kind, request.subfolder))

    async def Delete(self, request: pb.DeleteRequest, context: Context) -> pb.DeleteResponse:
        await self._store.delete(convert.name_from_message(request.name))
        return pb.DeleteResponse()

    async def Move(self, request: pb.MoveRequest, context: Context) -> pb.MoveResponse:
        info = await self._store.move(
            convert.name_from_message(request.source),
            convert.name_from_message(request.target),
            convert.policy_from_message(request.on_conflict),
        )
        return pb.MoveResponse(file=convert.info_to_message(info))

    async def Copy(self, request: pb.CopyRequest, context: Context) -> pb.CopyResponse:
        info = await self._store.copy(
            _source(request),
            convert.name_from_message(request.target),
            convert.policy_from_message(request.on_conflict),
            numbered_extension=request.numbered_extension,
            owner=request.owner,
        )
        return pb.CopyResponse(file=convert.info_to_message(info))

    async def CollectGarbage(
        self, request: pb.CollectGarbageRequest, context: Context
    ) -> AsyncIterator[pb.CollectGarbageResponse]:
        if self._collector is None:
            raise Unimplemented("this service does not collect garbage")
        async with aclosing(self._collector.collect(dry_run=request.dry_run)) as collected:
            async for garbage in collected:
                yield convert.garbage_to_message(garbage)


def file_servicer(
    store: FileStore,
    models: ModelLibrary | None = None,
    assets: AssetLibrary | None = None,
    collector: Collector | None = None,
) -> Servicer:
    """The servicer of a store, ready to be served.

    Args:
        models: what is told about models, those in the store as they are when it is left out.
        assets: what is known about contents; without it calls about assets raise `Unimplemented`.
        collector: collects garbage; without it that raises `Unimplemented`.
    """
    service = pb.DESCRIPTOR.services_by_name["FileService"].full_name
    served = FileServicer(store, models or StoredModels(store), assets, collector)
    return Servicer(service, lambda server: files_pb2_grpc.add_FileServiceServicer_to_server(served, server))


async def _header(requests: AsyncIterator[pb.WriteRequest]) -> pb.WriteHeader:
    first = await anext(requests, None)
    if first is None or not first.HasField("header"):
        raise InvalidArgument("the first message of a write is its header")
    return first.header


def _source(request: pb.ReadRequest | pb.CopyRequest) -> FileName | str:
    match request.WhichOneof("source"):
        case "name":
            return convert.name_from_message(request.name)
        case "blake3":
            return request.blake3
        case _:
            raise InvalidArgument("neither a name nor a digest says which file is meant")
