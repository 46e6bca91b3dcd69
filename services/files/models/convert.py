"""Records of models as messages of `silverprint.files.v1`, and back."""

from __future__ import annotations

from services.files.convert import message_errors
from services.files.models.records import Inventory, Model, ModelFolder, ModelMetadata
from services.files.records import FileInfo, FileKind, FileName
from services.safetensors_header import TensorEntry
from silverprint.files.v1 import models_pb2 as pb


def folder_to_message(folder: ModelFolder) -> pb.ModelFolder:
    """A kind of model as a message."""
    return pb.ModelFolder(name=folder.name, directories=folder.directories, extensions=folder.extensions)


def folder_from_message(folder: pb.ModelFolder) -> ModelFolder:
    """A kind of model from a message."""
    return ModelFolder(folder.name, tuple(folder.directories), tuple(folder.extensions))


def model_to_message(model: Model) -> pb.Model:
    """A model as a message."""
    name = model.info.name
    return pb.Model(
        folder=model.folder,
        name=model.name,
        directory_index=model.directory_index,
        subfolder=name.subfolder,
        filename=name.filename,
        size_bytes=model.info.size,
        blake3=model.info.blake3 or "",
        modified_at_us=round(model.info.modified_at * 1_000_000),
    )


def model_from_message(model: pb.Model) -> Model:
    """A model from a message."""
    name = FileName(FileKind.MODELS, model.subfolder, model.filename)
    info = FileInfo(name, model.size_bytes, model.blake3 or None, model.modified_at_us / 1_000_000)
    return Model(model.folder, model.name, model.directory_index, info)


def inventory_to_message(inventory: Inventory) -> pb.GetModelInventoryResponse:
    """An inventory as a message."""
    folders = [pb.ModelNames(folder=folder, names=names) for folder, names in inventory.names.items()]
    return pb.GetModelInventoryResponse(version=inventory.version, folders=folders)


def inventory_from_message(inventory: pb.GetModelInventoryResponse) -> Inventory:
    """An inventory from a message."""
    return Inventory(inventory.version, {folder.folder: tuple(folder.names) for folder in inventory.folders})


def metadata_to_message(metadata: ModelMetadata) -> pb.GetModelMetadataResponse:
    """What a header says, as a message; raises as `message_errors`."""
    with message_errors():
        return pb.GetModelMetadataResponse(
            texts=metadata.texts,
            tensor_count=metadata.tensor_count,
            parameter_count=metadata.parameter_count,
            dtypes=metadata.dtypes,
            tensors=[_tensor_to_message(name, entry) for name, entry in metadata.tensors.items()],
        )


def metadata_from_message(metadata: pb.GetModelMetadataResponse) -> ModelMetadata:
    """What a header says, from a message."""
    return ModelMetadata(
        texts=dict(metadata.texts),
        tensors={it.name: TensorEntry(it.dtype, tuple(it.shape), (it.begin, it.end)) for it in metadata.tensors},
        tensor_count=metadata.tensor_count,
        parameter_count=metadata.parameter_count,
        dtypes=dict(metadata.dtypes),
    )


def _tensor_to_message(name: str, entry: TensorEntry) -> pb.Tensor:
    begin, end = entry.data_offsets
    return pb.Tensor(name=name, dtype=entry.dtype, shape=entry.shape, begin=begin, end=end)
