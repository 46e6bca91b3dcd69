"""What a run used, as `silverprint.executor.v1` has it."""

from __future__ import annotations

from services.queue.convert.times import from_us, to_us
from services.queue.provenance import RunRecord, SavedFile, UsedModel, UsedPack
from silverprint.executor.v1 import execution_pb2 as pb


def record_to_proto(record: RunRecord) -> pb.RunRecord:
    """The message of a record."""
    return pb.RunRecord(
        version=record.version,
        python_version=record.python_version,
        torch_version=record.torch_version,
        device=record.device,
        models=map(_model_to_proto, record.models),
        packs=(pb.UsedPack(name=pack.name, version=pack.version) for pack in record.packs),
        files=map(_file_to_proto, record.files),
    )


def record_from_proto(message: pb.RunRecord) -> RunRecord:
    """The record of a message."""
    return RunRecord(
        version=message.version,
        python_version=message.python_version,
        torch_version=message.torch_version,
        device=message.device,
        models=tuple(map(_model_from_proto, message.models)),
        packs=tuple(UsedPack(pack.name, pack.version) for pack in message.packs),
        files=tuple(map(_file_from_proto, message.files)),
    )


def _model_to_proto(model: UsedModel) -> pb.UsedModel:
    return pb.UsedModel(
        folder=model.folder,
        name=model.name,
        size_bytes=model.size,
        modified_at_us=to_us(model.modified_at),
        blake3=model.blake3,
    )


def _model_from_proto(message: pb.UsedModel) -> UsedModel:
    return UsedModel(
        folder=message.folder,
        name=message.name,
        size=message.size_bytes,
        modified_at=from_us(message.modified_at_us),
        blake3=message.blake3,
    )


def _file_to_proto(file: SavedFile) -> pb.SavedFile:
    return pb.SavedFile(
        kind=file.kind,
        subfolder=file.subfolder,
        filename=file.filename,
        size_bytes=file.size,
        blake3=file.blake3,
    )


def _file_from_proto(message: pb.SavedFile) -> SavedFile:
    return SavedFile(
        kind=message.kind,
        subfolder=message.subfolder,
        filename=message.filename,
        size=message.size_bytes,
        blake3=message.blake3,
    )
