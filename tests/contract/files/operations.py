"""Short words for what the tests do to a store."""

from __future__ import annotations

from services.files import names
from services.files.chunks import one_chunk
from services.files.records import FileInfo, FileKind, FileName, OnConflict
from services.files.stores.base import FileStore

#: A model that every store has.
MODEL = FileName(FileKind.MODELS, "checkpoints/tiny", "a.safetensors")
WEIGHTS = b"weights"


def output(path: str) -> FileName:
    return names.parse_path(FileKind.OUTPUT, path)


async def put(
    store: FileStore, name: FileName, content: bytes = b"x", on_conflict: OnConflict = OnConflict.FAIL, **more: str
) -> FileInfo:
    return await store.write(name, one_chunk(content), on_conflict, **more)  # type: ignore[arg-type]


async def get(store: FileStore, source: FileName | str, offset: int = 0, length: int = 0) -> bytes:
    async with store.open(source, offset=offset, length=length) as file:
        return await file.read()


async def paths(store: FileStore, kind: FileKind = FileKind.OUTPUT, subfolder: str = "") -> list[str]:
    files, _ = await store.list(kind, subfolder, recursive=True)
    return [file.name.path for file in files]
