"""The models of a file service that is another process."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any

from services.files.convert import message_errors
from services.files.models import convert
from services.files.models.library import ModelLibrary
from services.files.models.records import Inventory, Model, ModelFolder, ModelMetadata, ModelPage
from services.files.records import FileInfo, FileName, OnConflict
from services.files.streaming import send
from services.rpc.channel import CALL_TIMEOUT, call
from silverprint.files.v1 import files_pb2_grpc
from silverprint.files.v1 import models_pb2 as pb

#: Seconds that the digest of a model may take to compute: a large checkpoint on a slow disk.
HASH_TIMEOUT = 600.0

#: Seconds that copying a model within the file service may take.
COPY_TIMEOUT = 1800.0

#: Models in one answer when all are wanted.
WALK_PAGE = 10_000


class ModelClient(ModelLibrary):
    """Asks the file service at the other end of a connection; raises what it raises."""

    def __init__(self, stub: files_pb2_grpc.FileServiceAsyncStub) -> None:
        self._stub = stub

    async def folders(self) -> Sequence[ModelFolder]:
        response = await call(self._stub.ListModelFolders(pb.ListModelFoldersRequest(), timeout=CALL_TIMEOUT))
        return [convert.folder_from_message(folder) for folder in response.folders]

    async def list(self, folder: str, *, page_size: int = 0, page_token: str = "") -> ModelPage:
        with message_errors():
            request = pb.ListModelsRequest(folder=folder, page_size=page_size, page_token=page_token)
        response = await call(self._stub.ListModels(request, timeout=CALL_TIMEOUT))
        return ModelPage([convert.model_from_message(model) for model in response.models], response.next_page_token)

    async def walk(self, folder: str) -> AsyncIterator[Model]:
        """All that `list` has, page after page."""
        page_token = ""
        while True:
            page = await self.list(folder, page_size=WALK_PAGE, page_token=page_token)
            for model in page.models:
                yield model
            page_token = page.next_page_token
            if not page_token:
                return

    async def get(self, folder: str, name: str, *, directory_index: int | None = None, digest: bool = False) -> Model:
        with message_errors():
            request = pb.GetModelRequest(
                folder=folder, name=name, directory_index=directory_index, digest_wanted=digest
            )
        response = await call(self._stub.GetModel(request, timeout=HASH_TIMEOUT if digest else CALL_TIMEOUT))
        return convert.model_from_message(response.model)

    async def metadata(self, folder: str, name: str, *, tensors: bool = False) -> ModelMetadata:
        with message_errors():
            request = pb.GetModelMetadataRequest(folder=folder, name=name, tensors_wanted=tensors)
        return convert.metadata_from_message(await call(self._stub.GetModelMetadata(request, timeout=CALL_TIMEOUT)))

    async def picture(self, folder: str, name: str, *, directory_index: int | None = None) -> FileInfo:
        with message_errors():
            request = pb.GetModelPictureRequest(folder=folder, name=name, directory_index=directory_index)
        response = await call(self._stub.GetModelPicture(request, timeout=CALL_TIMEOUT))
        return convert.model_from_message(response.picture).info

    async def inventory(self, known_version: str = "") -> Inventory | None:
        with message_errors():
            request = pb.GetModelInventoryRequest(known_version=known_version)
        response = await call(self._stub.GetModelInventory(request, timeout=CALL_TIMEOUT))
        return None if response.version == known_version else convert.inventory_from_message(response)

    async def upload(
        self,
        folder: str,
        name: str,
        chunks: AsyncIterable[bytes],
        on_conflict: OnConflict = OnConflict.FAIL,
        *,
        expected_blake3: str | None = None,
        expected_size: int | None = None,
    ) -> Model:
        with message_errors():
            header = pb.UploadModelHeader(
                folder=folder,
                name=name,
                overwrite=on_conflict is OnConflict.OVERWRITE,
                blake3=expected_blake3 or "",
                size_bytes=expected_size or 0,
            )
        uploading: Any = self._stub.UploadModel()
        try:
            await send(uploading, pb.UploadModelRequest(header=header), chunks)
            response: pb.UploadModelResponse = await call(uploading)
            return convert.model_from_message(response.model)
        finally:
            # Without effect on a call that is over; otherwise nothing may be left behind.
            uploading.cancel()

    async def take(
        self, source: FileName | str, folder: str, name: str, on_conflict: OnConflict = OnConflict.FAIL
    ) -> Model:
        with message_errors():
            overwrite = on_conflict is OnConflict.OVERWRITE
            request = pb.ImportModelRequest(folder=folder, name=name, overwrite=overwrite)
            if isinstance(source, FileName):
                request.file = str(source)
            else:
                request.blake3 = source
        response = await call(self._stub.ImportModel(request, timeout=COPY_TIMEOUT))
        return convert.model_from_message(response.model)
