"""The header of a safetensors file, checked before anything of the file is mapped."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.executor.diffusion.checkpoints.errors import CheckpointError

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000  # the limit of the format's reference implementation
_METADATA = "__metadata__"

_PICKLE = "is a pickled file; pickles can run code, convert it to safetensors"
_WEB_PAGE = "is a web page, as a download that needs a login gives; download the file itself"
#: What other files begin with, and what is to be said of them.
_OTHER_STARTS = {
    **dict.fromkeys((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), _PICKLE),
    **dict.fromkeys((b"<!DOCTYP", b"<!doctyp", b"<html", b"<HTML"), _WEB_PAGE),
    b"version ": "is a pointer of Git LFS; download the file that it stands for",
    b"GGUF": "is a GGUF file, which cannot be loaded",
    **dict.fromkeys((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF"), "is a picture and holds no weights"),
}


@dataclass(frozen=True)
class Header:
    """The shapes of all tensors in a file, and its free-form metadata."""

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """The header of the file at `path`.

    Raises:
        CheckpointError: the file is missing, pickled, truncated or no safetensors file.
    """
    entries = _parse(path)
    metadata = entries.pop(_METADATA, {})
    try:
        ends = [entry["data_offsets"][1] for entry in entries.values()]
        shapes = {name: tuple(entry["shape"]) for name, entry in entries.items()}
        metadata = {str(name): str(value) for name, value in metadata.items()}
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise CheckpointError(f"{path.name} is not a safetensors file: an entry of its header is malformed") from error
    missing = max(ends, default=0) - path.stat().st_size + LENGTH_BYTES + _header_length(path)
    if missing > 0:
        raise CheckpointError(f"{path.name} is truncated: its last {missing} bytes are missing")
    return Header(shapes, metadata)


def _parse(path: Path) -> dict[str, Any]:
    length = _header_length(path)
    with path.open("rb") as file:
        file.seek(LENGTH_BYTES)
        content = file.read(length)
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.name} is not a safetensors file: its header is not JSON") from error
    if not isinstance(entries, dict):
        raise CheckpointError(f"{path.name} is not a safetensors file: its header is not a JSON object")
    return entries


def _header_length(path: Path) -> int:
    try:
        with path.open("rb") as file:
            start = file.read(LENGTH_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror}") from error
    for other, what in _OTHER_STARTS.items():
        if start.startswith(other):
            raise CheckpointError(f"{path.name} {what}")
    if len(start) < LENGTH_BYTES:
        raise CheckpointError(f"{path.name} is not a safetensors file: it has only {len(start)} bytes")
    length: int = struct.unpack("<Q", start)[0]
    if length > MAX_HEADER_BYTES:
        raise CheckpointError(f"{path.name} is not a safetensors file: it claims a header of {length} bytes")
    if length > size - LENGTH_BYTES:
        raise CheckpointError(f"{path.name} is truncated: {size} bytes do not hold its header of {length}")
    return length
