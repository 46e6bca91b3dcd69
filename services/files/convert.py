"""The file service's records as messages of `silverprint.files.v1`, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import InvalidArgument
from services.files.locations import FileLocation
from services.files.records import FileInfo, FileKind, FileName, OnConflict, Target, Upload
from services.files.retention.records import Garbage, GarbageKind
from silverprint.files.v1 import files_pb2 as pb

_KIND = {
    FileKind.INPUT: pb.FILE_KIND_INPUT,
    FileKind.OUTPUT: pb.FILE_KIND_OUTPUT,
    FileKind.TEMP: pb.FILE_KIND_TEMP,
    FileKind.USERDATA: pb.FILE_KIND_USERDATA,
    FileKind.MODELS: pb.FILE_KIND_MODELS,
    FileKind.EXTENSIONS: pb.FILE_KIND_EXTENSIONS,
    FileKind.PACKS: pb.FILE_KIND_PACKS,
}
_KIND_BACK = {message: kind for kind, message in _KIND.items()}

_GARBAGE = {
    GarbageKind.TEMP: pb.GARBAGE_KIND_TEMP,
    GarbageKind.CONTENT: pb.GARBAGE_KIND_CONTENT,
    GarbageKind.UPLOAD: pb.GARBAGE_KIND_UPLOAD,
    GarbageKind.LEFTOVER: pb.GARBAGE_KIND_LEFTOVER,
    GarbageKind.INDEX: pb.GARBAGE_KIND_INDEX,
}

_ON_CONFLICT = {
    OnConflict.FAIL: pb.ON_CONFLICT_FAIL,
    OnConflict.OVERWRITE: pb.ON_CONFLICT_OVERWRITE,
    OnConflict.RENAME: pb.ON_CONFLICT_RENAME,
    OnConflict.NUMBER: pb.ON_CONFLICT_NUMBER,
}
_ON_CONFLICT_BACK = {pb.ON_CONFLICT_UNSPECIFIED: OnConflict.FAIL} | {
    message: policy for policy, message in _ON_CONFLICT.items()
}


@contextmanager
def message_errors() -> Iterator[None]:
    """Raise `InvalidArgument` for values that no message can carry: halves of surrogate pairs, too large numbers."""
    try:
        yield
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"this cannot be sent: {error}") from error


#: The key of the initial metadata by which the service says that it accepted the header of a write.
READY = "ready"


def kind_to_message(kind: FileKind) -> pb.FileKind.ValueType:
    """A kind as a message's value."""
    return _KIND[kind]


def kind_from_message(kind: pb.FileKind.ValueType) -> FileKind:
    """A kind from a message's value.

    Raises:
        InvalidArgument: it is not set, or unknown.
    """
    if kind not in _KIND_BACK:
        raise InvalidArgument(f"file kind {kind} is not one")
    return _KIND_BACK[kind]


def name_to_message(name: FileName) -> pb.FileName:
    """A name as a message; raises as `message_errors`."""
    with message_errors():
        return pb.FileName(kind=kind_to_message(name.kind), subfolder=name.subfolder, filename=name.filename)


def name_from_message(name: pb.FileName) -> FileName:
    """A name from a message; raises as `kind_from_message`. Whether it is a valid one is the store's business."""
    return FileName(kind_from_message(name.kind), name.subfolder, name.filename)


def info_to_message(info: FileInfo) -> pb.FileInfo:
    """A file's description as a message."""
    name = info.name  # the store's own: there is nothing about it that a message could not carry
    return pb.FileInfo(
        name=pb.FileName(kind=_KIND[name.kind], subfolder=name.subfolder, filename=name.filename),
        digest=pb.Digest(blake3=info.blake3 or "", size_bytes=info.size),
        modified_at_us=round(info.modified_at * 1_000_000),
    )


def info_from_message(info: pb.FileInfo) -> FileInfo:
    """A file's description from a message."""
    name = name_from_message(info.name)
    return FileInfo(name, info.digest.size_bytes, info.digest.blake3 or None, info.modified_at_us / 1_000_000)


def policy_to_message(on_conflict: OnConflict) -> pb.OnConflict.ValueType:
    """A policy as a message's value."""
    return _ON_CONFLICT[on_conflict]


def policy_from_message(on_conflict: pb.OnConflict.ValueType) -> OnConflict:
    """A policy from a message's value; FAIL when it is not set.

    Raises:
        InvalidArgument: it is unknown.
    """
    if on_conflict not in _ON_CONFLICT_BACK:
        raise InvalidArgument(f"conflict policy {on_conflict} is not one")
    return _ON_CONFLICT_BACK[on_conflict]


def expected_to_message(blake3: str | None, size: int | None) -> pb.Digest | None:
    """What a writer promises about a content, None for nothing; raises as `message_errors`."""
    if blake3 is None and size is None:
        return None
    with message_errors():
        return pb.Digest(blake3=blake3 or "", size_bytes=size or 0)


def expected_from_message(header: pb.WriteHeader) -> tuple[str | None, int | None]:
    """The digest and the size that a writer promises; a digest may come without a size, as 0."""
    if not header.HasField("expected"):
        return None, None
    blake3 = header.expected.blake3 or None
    size = header.expected.size_bytes
    return blake3, None if blake3 and size == 0 else size


def target_to_message(target: Target) -> pb.WriteHeader:
    """A target as a message; raises as `message_errors`."""
    with message_errors():
        return pb.WriteHeader(
            name=name_to_message(target.name),
            on_conflict=policy_to_message(target.on_conflict),
            numbered_extension=target.numbered_extension,
            expected=expected_to_message(target.expected_blake3, target.expected_size),
            replaced_blake3=target.replaced_blake3 or "",
            owner=target.owner,
        )


def target_from_message(header: pb.WriteHeader) -> Target:
    """A target from a message; raises as `name_from_message` and `policy_from_message`."""
    blake3, size = expected_from_message(header)
    return Target(
        name_from_message(header.name),
        policy_from_message(header.on_conflict),
        header.numbered_extension,
        blake3,
        size,
        header.replaced_blake3 or None,
        header.owner,
    )


def garbage_to_message(garbage: Garbage) -> pb.CollectGarbageResponse:
    """One thing that goes as a message."""
    return pb.CollectGarbageResponse(kind=_GARBAGE[garbage.kind], path=garbage.path, size_bytes=garbage.size)


def garbage_from_message(garbage: pb.CollectGarbageResponse) -> Garbage:
    """One thing that goes from a message; a kind of a newer service counts as a leftover."""
    kind = next((kind for kind, message in _GARBAGE.items() if message == garbage.kind), GarbageKind.LEFTOVER)
    return Garbage(kind, garbage.path, garbage.size_bytes)


def upload_to_message(upload: Upload) -> pb.Upload:
    """An upload as a message."""
    expires_at_us = round(upload.expires_at * 1_000_000)
    return pb.Upload(upload_id=upload.upload_id, offset=upload.offset, expires_at_us=expires_at_us)


def upload_from_message(upload: pb.Upload) -> Upload:
    """An upload from a message."""
    return Upload(upload.upload_id, upload.offset, upload.expires_at_us / 1_000_000)


def location_to_message(location: FileLocation) -> pb.FileLocation:
    """Where a file lies, as a message."""
    return pb.FileLocation(
        path=location.path,
        host=location.host,
        device=location.device,
        inode=location.inode,
        size_bytes=location.size,
        modified_ns=location.modified_ns,
    )


def location_from_message(location: pb.FileLocation) -> FileLocation:
    """Where a file lies, from a message."""
    it = location
    return FileLocation(it.path, it.host, it.device, it.inode, it.size_bytes, it.modified_ns)
