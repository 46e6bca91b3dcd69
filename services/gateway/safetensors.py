"""What the head of a safetensors file says about the model, read without the weights that follow it.

The file begins with the length of the head (8 bytes, little endian) and the head, a JSON object whose member
`__metadata__` holds texts by name.
"""

from __future__ import annotations

import asyncio
from typing import TypedDict

import msgspec

from services.errors import NotFound, OutOfRange
from services.files.client import FileClient
from services.files.records import FileName

SUFFIX = ".safetensors"

_LENGTH_BYTES = 8

#: Longest head that is read: about 100,000 tensors.
MAX_HEAD_BYTES = 16 << 20


#: Texts that models have by the names of the model metadata standard (modelspec), beside any others.
ModelMetadata = TypedDict(
    "ModelMetadata",
    {
        "format": str,
        "modelspec.architecture": str,
        "modelspec.author": str,
        "modelspec.date": str,
        "modelspec.description": str,
        "modelspec.implementation": str,
        "modelspec.license": str,
        "modelspec.sai_model_spec": str,
        "modelspec.thumbnail": str,
        "modelspec.title": str,
    },
    total=False,
)


class _Head(msgspec.Struct):
    metadata: dict[str, str] | None = msgspec.field(default=None, name="__metadata__")


async def read_metadata(files: FileClient, name: FileName) -> dict[str, str]:
    """The metadata of a file.

    Raises:
        NotFound: there is no such file, it is not one of safetensors, or it has no metadata.
    """
    length = int.from_bytes(await _part(files, name, 0, _LENGTH_BYTES), "little")
    if not 0 < length <= MAX_HEAD_BYTES:
        raise NotFound(f"{name} is not a file of safetensors")
    content = await _part(files, name, _LENGTH_BYTES, length)
    try:
        head = await asyncio.to_thread(msgspec.json.decode, content, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotFound(f"{name} is not a file of safetensors") from error
    if head.metadata is None:
        raise NotFound(f"{name} has no metadata")
    return head.metadata


async def _part(files: FileClient, name: FileName, offset: int, length: int) -> bytes:
    try:
        async with files.open(name, offset=offset, length=length) as file:
            return await file.read()
    except OutOfRange:
        return b""
