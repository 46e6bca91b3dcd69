"""What the head of a safetensors file says about the model, read without the weights that follow it."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, OrderedDict

from msgspec import structs

from services.errors import FailedPrecondition, OutOfRange, ResourceExhausted
from services.files.models.records import ModelMetadata
from services.files.records import FileInfo, FileName
from services.files.stores.base import FileStore
from services.safetensors_header import LENGTH_BYTES, Header, HeaderError, header_length, parse_header

#: Longest header that is read: about 100,000 tensors.
MAX_BYTES = 16 << 20

#: Read at first: nearly all headers of adapters, and the beginning of longer ones, come in one piece.
FIRST_BYTES = 64 << 10

#: Headers whose contents are kept, without their tensors.
KEPT = 256


class MetadataReader:
    """Reads headers, and keeps what it read of files that did not change."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[FileName, int, float], ModelMetadata] = OrderedDict()

    async def read(self, name: FileName, *, tensors: bool) -> ModelMetadata:
        """What a file says.

        Raises:
            NotFound: there is no such file.
            FailedPrecondition: it is no safetensors file, or damaged.
            ResourceExhausted: its header is longer than `MAX_BYTES`.
        """
        if not tensors and (kept := self._kept.get(_version(await self._store.stat(name)))):
            return kept
        info, content = await self._header(name)
        try:
            header = await asyncio.to_thread(parse_header, content, info.size)
        except HeaderError as error:
            raise FailedPrecondition(f"{name} {error}") from error
        read = _described(header)
        self._kept[_version(info)] = structs.replace(read, tensors={})
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return read if tensors else structs.replace(read, tensors={})

    async def _header(self, name: FileName) -> tuple[FileInfo, bytes]:
        async with self._store.open(name, length=FIRST_BYTES) as file:
            info, content = file.info, await file.read()
        try:
            length = header_length(content[:LENGTH_BYTES], info.size)
        except HeaderError as error:
            raise FailedPrecondition(f"{name} {error}") from error
        if length > MAX_BYTES:
            raise ResourceExhausted(f"the header of {name} has {length} bytes, more than the {MAX_BYTES} that are read")
        end = LENGTH_BYTES + length
        if end > len(content):
            content += await self._part(name, len(content), end - len(content))
        return info, content[LENGTH_BYTES:end]

    async def _part(self, name: FileName, offset: int, length: int) -> bytes:
        try:
            async with self._store.open(name, offset=offset, length=length) as file:
                return await file.read()
        except OutOfRange:
            return b""  # it became shorter meanwhile


def _version(info: FileInfo) -> tuple[FileName, int, float]:
    return info.name, info.size, info.modified_at


def _described(header: Header) -> ModelMetadata:
    entries = header.tensors.values()
    return ModelMetadata(
        texts=header.metadata,
        tensors=header.tensors,
        tensor_count=len(header.tensors),
        parameter_count=sum(max(0, math.prod(entry.shape)) for entry in entries),
        dtypes=dict(sorted(Counter(entry.dtype for entry in entries).items())),
    )
