"""The header of a safetensors file: where each tensor lies, and free texts.

The format (https://huggingface.co/docs/safetensors): the length of the header (8 bytes, little endian), the header, a
JSON object with an entry for each tensor and texts under `__metadata__`, and the tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import msgspec

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000  # the limit of the format's reference implementation

#: Dimensions of a tensor, which torch has no more of either: the product of a million sizes takes minutes.
MAX_DIMENSIONS = 64

#: Extensions of files in this format.
EXTENSIONS = frozenset({".safetensors", ".sft"})

#: Bits of one number by what headers call its type.
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 8),
    **{"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4},
}

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


class HeaderError(ValueError):
    """What is wrong with a file that should be one of safetensors, to be read after the file's name."""


class TensorEntry(msgspec.Struct, frozen=True):
    """Where one tensor lies and how it is to be read."""

    dtype: str
    shape: Annotated[tuple[int, ...], msgspec.Meta(max_length=MAX_DIMENSIONS)]
    #: first byte, and the one after the last, counted from the end of the header
    data_offsets: tuple[int, int]


class Header(msgspec.Struct, frozen=True):
    """What a header says."""

    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]


def header_length(start: bytes, size: int, limit: int = MAX_HEADER_BYTES) -> int:
    """The length in bytes of the header of a file of `size` bytes that begins with `start`, its first 8 bytes.

    Raises:
        HeaderError: it is no safetensors file, is cut before the header's end, or its header is longer than `limit`.
    """
    for other, what in _OTHER_STARTS.items():
        if start.startswith(other):
            raise HeaderError(what)
    if len(start) < LENGTH_BYTES:
        raise HeaderError(f"is not a safetensors file: it has only {len(start)} bytes")
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    if length > limit:
        raise HeaderError(f"is not a safetensors file: it claims a header of {length} bytes")
    if length > size - LENGTH_BYTES:
        raise HeaderError(f"is truncated: {size} bytes do not hold its header of {length}")
    return length


def parse_header(content: bytes, size: int) -> Header:
    """The header of a file of `size` bytes, without the 8 bytes before it; CPU-bound, some ms per 10,000 tensors.

    Raises:
        HeaderError: it is not a header, or the file ends before the last tensor does.
    """
    try:
        entries = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError as error:
        raise HeaderError("is not a safetensors file: its header is not a JSON object") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HeaderError("is not a safetensors file: its header is not JSON") from error
    try:
        metadata = msgspec.json.decode(entries.pop(_METADATA, msgspec.Raw(b"{}")), type=dict[str, str] | None) or {}
        tensors = {name: _decode_entry(entry) for name, entry in entries.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HeaderError("is not a safetensors file: an entry of its header is malformed") from error
    ends = max((entry.data_offsets[1] for entry in tensors.values()), default=0)
    missing = LENGTH_BYTES + len(content) + ends - size
    if missing > 0:
        raise HeaderError(f"is truncated: its last {missing} bytes are missing")
    return Header(tensors, metadata)


def check_layout(header: Header) -> None:
    """Check that every tensor has as many bytes as its type and shape need, and that they follow one another.

    Raises:
        HeaderError: one does not; a file that says so cannot be loaded, or hides something between its tensors.
    """
    position = 0
    for name, entry in sorted(header.tensors.items(), key=lambda item: item[1].data_offsets):
        start, end = entry.data_offsets
        if entry.dtype not in _BITS:
            raise HeaderError(f"is not a safetensors file: {name[:100]!r} is of the unknown type {entry.dtype[:32]!r}")
        bits = math.prod(entry.shape) * _BITS[entry.dtype]
        if min(entry.shape, default=0) < 0 or bits != 8 * (end - start):
            raise HeaderError(f"is damaged: the {end - start} bytes of {name[:100]!r} do not fit its type and shape")
        if start != position:
            raise HeaderError(f"is damaged: {name[:100]!r} begins at byte {start}, not where the one before it ends")
        position = end


def data_bytes(header: Header) -> int:
    """How many bytes of tensors follow a header."""
    return max((entry.data_offsets[1] for entry in header.tensors.values()), default=0)


_decode_entry = msgspec.json.Decoder(TensorEntry).decode
