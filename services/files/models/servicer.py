"""The calls of the file service that are about models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from services.errors import InvalidArgument
from services.files.models import convert
from services.files.models.library import ModelLibrary
from services.files.models.records import Model
from services.files.names import file_name
from services.files.records import FileName, OnConflict
from services.files.streaming import receiving
from silverprint.files.v1 import files_pb2_grpc
from silverprint.files.v1 import models_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]


class ModelCalls(files_pb2_grpc.FileServiceServicer):
    """Serves a library of models."""

    _models: ModelLibrary

    async def ListModelFolders(
        self, request: pb.ListModelFoldersRequest, context: Context
    ) -> pb.ListModelFoldersResponse:
        return pb.ListModelFoldersResponse(folders=map(convert.folder_to_message, await self._models.folders()))

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        page = await self._models.list(request.folder, page_size=request.page_size, page_token=request.page_token)
        return pb.ListModelsResponse(
            models=map(convert.model_to_message, page.models), next_page_token=page.next_page_token
        )

    async def GetModelInventory(
        self, request: pb.GetModelInventoryRequest, context: Context
    ) -> pb.GetModelInventoryResponse:
        inventory = await self._models.inventory(request.known_version)
        if inventory is None:
            return pb.GetModelInventoryResponse(version=request.known_version)
        return convert.inventory_to_message(inventory)

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.GetModelResponse:
        index = request.directory_index if request.HasField("directory_index") else None
        model = await self._models.get(
            request.folder, request.name, directory_index=index, digest=request.digest_wanted
        )
        return pb.GetModelResponse(model=convert.model_to_message(model))

    async def GetModelMetadata(
        self, request: pb.GetModelMetadataRequest, context: Context
    ) -> pb.GetModelMetadataResponse:
        metadata = await self._models.metadata(request.folder, request.name, tensors=request.tensors_wanted)
        return convert.metadata_to_message(metadata)

    async def UploadModel(
        self, request_iterator: AsyncIterator[pb.UploadModelRequest], context: Context
    ) -> pb.UploadModelResponse:
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or not first.HasField("header"):
            raise InvalidArgument("the first message of an upload is its header")
        header = first.header
        async with receiving(requests, context) as content:
            model = await self._models.upload(
                header.folder,
                header.name,
                content,
                OnConflict.OVERWRITE if header.overwrite else OnConflict.FAIL,
                expected_blake3=header.blake3 or None,
                expected_size=header.size_bytes or None,
            )
        return pb.UploadModelResponse(model=convert.model_to_message(model))

    async def ImportModel(self, request: pb.ImportModelRequest, context: Context) -> pb.ImportModelResponse:
        match request.WhichOneof("source"):
            case "file":
                source: FileName | str = file_name(request.file)
            case "blake3":
                source = request.blake3
            case _:
                raise InvalidArgument("neither a file nor a digest says which content is meant")
        policy = OnConflict.OVERWRITE if request.overwrite else OnConflict.FAIL
        model = await self._models.take(source, request.folder, request.name, policy)
        return pb.ImportModelResponse(model=convert.model_to_message(model))

    async def GetModelPicture(self, request: pb.GetModelPictureRequest, context: Context) -> pb.GetModelPictureResponse:
        index = request.directory_index if request.HasField("directory_index") else None
        info = await self._models.picture(request.folder, request.name, directory_index=index)
        picture = Model(request.folder, info.name.filename, index or 0, info)
        return pb.GetModelPictureResponse(picture=convert.model_to_message(picture))
